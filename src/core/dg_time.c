/*
 * Calendar text: see dg_time.h.  The day arithmetic is the usual one over
 * 400-year eras that begin in March.
 */

#include "dg_time.h"

#define SECONDS_PER_DAY  86400
#define TIME_MAX         253402300799  /* 9999-12-31T23:59:59Z */

typedef struct {
    unsigned  year, month, day, hour, minute, second;
} calendar_t;

static const char  day_names[7][4] = {
    "Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"
};

static const char  month_names[12][4] = {
    "Jan", "Feb", "Mar", "Apr", "May", "Jun",
    "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"
};


static bool
digits(dg_span_t text, size_t at, size_t count, unsigned *value)
{
    uint64_t  v;

    if (at + count > text.len
        || !dg_span_to_u64(dg_span_slice(text, at, at + count), &v))
    {
        return false;
    }

    *value = (unsigned) v;
    return true;
}


static unsigned
days_in_month(unsigned year, unsigned month)
{
    static const uint8_t  days[] = {
        31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31
    };

    bool  leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return month == 2 && leap ? 29 : days[month - 1];
}


static dg_err_t
to_seconds(const calendar_t *c, int64_t *seconds)
{
    int64_t  y, era, year_of_era, day_of_year, days;

    if (c->year < 1970 || c->year > 9999 || c->month < 1 || c->month > 12
        || c->day < 1 || c->day > days_in_month(c->year, c->month)
        || c->hour > 23 || c->minute > 59 || c->second > 59)
    {
        return DG_ERR_SYNTAX;
    }

    y = (int64_t) c->year - (c->month <= 2);
    era = y / 400;
    year_of_era = y - era * 400;
    day_of_year = (153 * ((int64_t) c->month + (c->month > 2 ? -3 : 9)) + 2)
                  / 5 + (int64_t) c->day - 1;
    days = era * 146097 + year_of_era * 365 + year_of_era / 4
           - year_of_era / 100 + day_of_year - 719468;

    *seconds = days * SECONDS_PER_DAY + (int64_t) c->hour * 3600
               + (int64_t) c->minute * 60 + (int64_t) c->second;
    return DG_OK;
}


static calendar_t
from_seconds(int64_t seconds)
{
    int64_t     days, era, day_of_era, year_of_era, day_of_year, m;
    unsigned    rest;
    calendar_t  c;

    if (seconds < 0) {
        seconds = 0;
    }

    if (seconds > TIME_MAX) {
        seconds = TIME_MAX;
    }

    days = seconds / SECONDS_PER_DAY + 719468;
    rest = (unsigned) (seconds % SECONDS_PER_DAY);
    era = days / 146097;
    day_of_era = days - era * 146097;
    year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524
                   - day_of_era / 146096) / 365;
    day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4
                                - year_of_era / 100);
    m = (5 * day_of_year + 2) / 153;

    c.day = (unsigned) (day_of_year - (153 * m + 2) / 5 + 1);
    c.month = (unsigned) (m < 10 ? m + 3 : m - 9);
    c.year = (unsigned) (year_of_era + era * 400 + (c.month <= 2));
    c.hour = rest / 3600;
    c.minute = rest / 60 % 60;
    c.second = rest % 60;

    return c;
}


dg_err_t
dg_time_parse_amz(dg_span_t text, int64_t *seconds)
{
    calendar_t  c;

    if (text.len != DG_TIME_AMZ_SIZE || text.data[8] != 'T'
        || text.data[15] != 'Z'
        || !digits(text, 0, 4, &c.year) || !digits(text, 4, 2, &c.month)
        || !digits(text, 6, 2, &c.day) || !digits(text, 9, 2, &c.hour)
        || !digits(text, 11, 2, &c.minute) || !digits(text, 13, 2, &c.second))
    {
        return DG_ERR_SYNTAX;
    }

    return to_seconds(&c, seconds);
}


/* The fraction at text[*at], if any; *at moves behind it. */
static bool
parse_fraction(dg_span_t text, size_t *at, uint32_t *nanoseconds)
{
    uint32_t  scale = 100000000;
    size_t    from;

    *nanoseconds = 0;

    if (*at >= text.len || text.data[*at] != '.') {
        return true;
    }

    from = ++*at;

    while (*at < text.len && text.data[*at] >= '0' && text.data[*at] <= '9') {
        *nanoseconds += (uint32_t) (text.data[*at] - '0') * scale;
        scale /= 10;
        (*at)++;
    }

    return *at > from;
}


/* "Z" or "+hh:mm" or "-hh:mm" as seconds east of UTC. */
static bool
parse_zone(dg_span_t zone, int64_t *east)
{
    unsigned  hour, minute;

    if (zone.len == 1 && zone.data[0] == 'Z') {
        *east = 0;
        return true;
    }

    if (zone.len != 6 || (zone.data[0] != '+' && zone.data[0] != '-')
        || zone.data[3] != ':' || !digits(zone, 1, 2, &hour)
        || !digits(zone, 4, 2, &minute) || hour > 23 || minute > 59)
    {
        return false;
    }

    *east = (int64_t) (hour * 3600 + minute * 60);
    if (zone.data[0] == '-') {
        *east = -*east;
    }

    return true;
}


dg_err_t
dg_time_parse_iso(dg_span_t text, int64_t *seconds, uint32_t *nanoseconds)
{
    size_t      at = 19;
    int64_t     east;
    uint32_t    fraction;
    calendar_t  c;

    if (text.len < DG_TIME_ISO_SIZE || text.data[4] != '-'
        || text.data[7] != '-' || text.data[10] != 'T'
        || text.data[13] != ':' || text.data[16] != ':'
        || !digits(text, 0, 4, &c.year) || !digits(text, 5, 2, &c.month)
        || !digits(text, 8, 2, &c.day) || !digits(text, 11, 2, &c.hour)
        || !digits(text, 14, 2, &c.minute) || !digits(text, 17, 2, &c.second)
        || !parse_fraction(text, &at, &fraction)
        || !parse_zone(dg_span_slice(text, at, text.len), &east)
        || to_seconds(&c, seconds) != DG_OK)
    {
        return DG_ERR_SYNTAX;
    }

    *seconds -= east;

    if (nanoseconds) {
        *nanoseconds = fraction;
    }

    return DG_OK;
}


static bool
month_by_name(dg_span_t name, unsigned *month)
{
    for (unsigned i = 0; i < 12; i++) {
        if (dg_span_equal(name, dg_span(month_names[i], 3))) {
            *month = i + 1;
            return true;
        }
    }

    return false;
}


dg_err_t
dg_time_parse_http(dg_span_t text, int64_t *seconds)
{
    calendar_t  c;

    if (text.len != DG_TIME_HTTP_SIZE || text.data[3] != ','
        || text.data[4] != ' ' || text.data[7] != ' ' || text.data[11] != ' '
        || text.data[16] != ' ' || text.data[19] != ':'
        || text.data[22] != ':'
        || !dg_span_ends_with(text, DG_SPAN(" GMT"))
        || !digits(text, 5, 2, &c.day)
        || !month_by_name(dg_span_slice(text, 8, 11), &c.month)
        || !digits(text, 12, 4, &c.year) || !digits(text, 17, 2, &c.hour)
        || !digits(text, 20, 2, &c.minute) || !digits(text, 23, 2, &c.second))
    {
        return DG_ERR_SYNTAX;
    }

    return to_seconds(&c, seconds);
}


/* A number below 100. */
static void
write_two(dg_writer_t *w, unsigned value)
{
    char  text[2];

    text[0] = (char) ('0' + value / 10);
    text[1] = (char) ('0' + value % 10);
    dg_write(w, text, sizeof(text));
}


static void
write_year(dg_writer_t *w, unsigned year)
{
    write_two(w, year / 100);
    write_two(w, year % 100);
}


static void
write_date(dg_writer_t *w, const calendar_t *c)
{
    write_year(w, c->year);
    write_two(w, c->month);
    write_two(w, c->day);
}


void
dg_time_write_date(dg_writer_t *w, int64_t seconds)
{
    calendar_t  c = from_seconds(seconds);

    write_date(w, &c);
}


void
dg_time_write_amz(dg_writer_t *w, int64_t seconds)
{
    calendar_t  c = from_seconds(seconds);

    write_date(w, &c);
    dg_write_char(w, 'T');
    write_two(w, c.hour);
    write_two(w, c.minute);
    write_two(w, c.second);
    dg_write_char(w, 'Z');
}


static void
write_clock(dg_writer_t *w, const calendar_t *c)
{
    write_two(w, c->hour);
    dg_write_char(w, ':');
    write_two(w, c->minute);
    dg_write_char(w, ':');
    write_two(w, c->second);
}


void
dg_time_write_iso(dg_writer_t *w, int64_t seconds)
{
    calendar_t  c = from_seconds(seconds);

    write_year(w, c.year);
    dg_write_char(w, '-');
    write_two(w, c.month);
    dg_write_char(w, '-');
    write_two(w, c.day);
    dg_write_char(w, 'T');
    write_clock(w, &c);
    dg_write_char(w, 'Z');
}


void
dg_time_write_http(dg_writer_t *w, int64_t seconds)
{
    calendar_t  c = from_seconds(seconds);

    dg_write(w, day_names[seconds < 0 ? 0 : seconds / SECONDS_PER_DAY % 7], 3);
    dg_write_cstr(w, ", ");
    write_two(w, c.day);
    dg_write_char(w, ' ');
    dg_write(w, month_names[c.month - 1], 3);
    dg_write_char(w, ' ');
    write_year(w, c.year);
    dg_write_char(w, ' ');
    write_clock(w, &c);
    dg_write_cstr(w, " GMT");
}
