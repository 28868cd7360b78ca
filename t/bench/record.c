/*
 * One record of about 1.3 KB, as a call on the hot path leaves it.
 */

#include "bench.h"
#include "dg_record.h"

typedef struct {
    dg_record_t  record;
    uint8_t      line[DG_RECORD_MAX];
} work_t;


static void
write_record(void *ctx)
{
    work_t       *work = ctx;
    dg_writer_t   w = dg_writer(work->line, sizeof(work->line));

    if (dg_record_write(&w, &work->record) != DG_OK) {
        abort();
    }
}


int
main(void)
{
    static work_t  work;
    dg_caller_t    caller = {
        .kind = DG_CALLER_KEY, .verified = true,
        .arn = DG_SPAN("arn:aws:iam::111122223333:user/desk/alice"),
        .user_id = DG_SPAN("AIDACKCEVSQ6C2EXAMPLE"),
        .account = DG_SPAN("111122223333"),
        .access_key_id = DG_SPAN("AKIAIOSFODNN7EXAMPLE")
    };

    work.record = (dg_record_t) {
        .time = 1440938160,
        .event_id = DG_SPAN("6f1e3b52-8a4c-4d0e-9b53-0f8a2f4f7c11"),
        .request_id = DG_SPAN("0d0c9a3e-0000-4000-8000-000000000001"),
        .event_source = DG_SPAN("workspaces.amazonaws.com"),
        .event_name = DG_SPAN("DescribeWorkspaces"),
        .region = DG_SPAN("eu-central-1"),
        .account = DG_SPAN("111122223333"),
        .api_version = DG_SPAN("2015-04-08"),
        .read_only = true,
        .caller = &caller,
        .source_ip = DG_SPAN("192.0.2.10"),
        .user_agent = DG_SPAN("aws-cli/2.9.19 Python/3.11.2 Linux/6.1 "
                              "source/x86_64.debian.12 prompt/off"),
        .tls_version = DG_SPAN("TLSv1.3"),
        .tls_cipher = DG_SPAN("TLS_AES_256_GCM_SHA384"),
        .host = DG_SPAN("workspaces.gate.example.com"),
        .request_parameters = DG_SPAN("{\"directoryId\":\"d-926722edaf\","
                                      "\"limit\":25}"),
        .status = 200,
        .gateway = DG_SPAN("gate-1"),
        .service = DG_SPAN("workspaces"),
        .protocol = DG_SPAN("awsJson1_1"),
        .decision = {
            .effect = DG_SPAN("allow"),
            .action = DG_SPAN("workspaces:DescribeWorkspaces"),
            .layer = DG_SPAN("resource"),
            .policy = DG_SPAN("/etc/nginx/deskgate/policy.json"),
            .statement = DG_SPAN("ReadOwnDirectory"),
            .resource = DG_SPAN("*"),
            .set = DG_SPAN("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649"
                           "b934ca495991b7852b855"),
            .policies = DG_SPAN("[{\"file\":\"/etc/nginx/deskgate/policy.json"
                                "\",\"form\":\"resource\",\"sha256\":\"e3b0c"
                                "44298fc1c149afbf4c8996fb92427ae41e4649b934c"
                                "a495991b7852b855\"}]"),
            .keys = DG_SPAN("{\"aws:SourceIp\":[\"192.0.2.10\"]}")
        },
        .translation = DG_SPAN("static"),
        .credential = DG_SPAN("AKIAI44QH8DHBEXAMPLE"),
        .received_hash = DG_SPAN("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649"
                                 "b934ca495991b7852b855"),
        .sent_hash = DG_SPAN("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649"
                             "b934ca495991b7852b855"),
        .duration_ms = 12,
        .bytes_received = 300,
        .bytes_sent = 2100,
        .upstream = {
            .address = DG_SPAN("192.0.2.7:443"),
            .request_id = DG_SPAN("b7ff4a2d-0000-4000-8000-000000000002"),
            .status = 200, .attempts = 1, .connect_ms = 0, .header_ms = 11,
            .response_ms = 11, .bytes_sent = 1200, .bytes_received = 2100
        }
    };

    bench("record_write", write_record, &work);

    return 0;
}
