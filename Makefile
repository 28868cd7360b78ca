# The front door.  "make help" lists what there is.

SHELL = /bin/bash
.SHELLFLAGS = -eu -c
.DELETE_ON_ERROR:

CC      = gcc
CFLAGS  = -std=c11 -O2 -g -Wall -Wextra -Wshadow -Wconversion -Werror
CPPFLAGS = -Isrc -Isrc/core -Isrc/sandbox -MMD -MP
LDLIBS  = -lcrypto -lyajl -lcbor -lpcre2-8 -lexpat -lz
VECTORS ?= ../shared/vectors

SANITIZE = -O1 -fno-omit-frame-pointer -fsanitize=address,undefined \
           -fno-sanitize-recover=undefined -Wno-maybe-uninitialized \
           -Wno-unknown-warning-option

export VECTORS

DESTDIR =
modules_dir = /usr/lib/nginx/modules
data_dir    = /usr/share/deskgate
bin_dir     = /usr/bin
doc_dir     = /usr/share/doc/deskgate

# the one list of core sources stands in "config"
core  := $(shell sed -n '/^dg_core="/,/^"$$/s|.*\$$dg/\(core/[a-z0-9_]*\.c\).*|src/\1|p' config)
sandbox := $(sort $(wildcard src/sandbox/dg_*.c))
tools := $(patsubst src/tools/%.c,%,$(wildcard src/tools/deskgate_*.c))
tool_bins := $(foreach t,$(tools),build/$(subst _,-,$(t)))
tool_common := $(filter-out src/tools/deskgate_%,$(wildcard src/tools/*.c))
units := $(patsubst t/unit/%.c,%,$(wildcard t/unit/*.c))
fuzzers := $(patsubst t/fuzz/%.c,%,$(wildcard t/fuzz/*.c))
benches := $(patsubst t/bench/%.c,%,$(wildcard t/bench/*.c))
judges := $(patsubst t/vectors/%.c,%,$(wildcard t/vectors/*.c))
pages := $(patsubst t/docs/%.c,%,$(wildcard t/docs/*.c))

objects = $(patsubst src/%.c,build/$(1)/%.o,$(2))
# the sandbox's engine is no part of the core; its own tests link it
engine = $(if $(filter dg_sandbox%,$(1)),build/libdgsandbox$(2).a)

.PHONY: all modules modules-asan core tools units fuzzers benches judges \
        run demo install test test-asan check vectors interop bench fuzz \
        clean help packages packages-% quick pages docs


all: packages modules tools

packages:
	@.ci/install-packages

packages-%:
	@.ci/install-packages $(subst -, ,$*)

modules: packages
	@.ci/build plain

modules-asan: packages-test
	@.ci/build asan


# the core alone, with both compilers and no nginx in sight

core: build/libdgcore.a build/libdgcore-clang.a build/libdgsandbox.a \
      build/libdgsandbox-clang.a

build/libdgcore.a: $(call objects,plain,$(core))
build/libdgcore-asan.a: $(call objects,asan-core,$(core))
build/libdgcore-fuzz.a: $(call objects,fuzz-core,$(core))
build/libdgcore-clang.a: $(call objects,clang,$(core))
build/libdgsandbox.a: $(call objects,plain,$(sandbox))
build/libdgsandbox-asan.a: $(call objects,asan-core,$(sandbox))
build/libdgsandbox-fuzz.a: $(call objects,fuzz-core,$(sandbox))
build/libdgsandbox-clang.a: $(call objects,clang,$(sandbox))

build/%.a:
	@rm -f $@
	@ar rcs $@ $^

build/plain/%.o: src/%.c
	@mkdir -p $(@D)
	@$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

build/clang/%.o: src/%.c
	@mkdir -p $(@D)
	@clang $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

build/asan-core/%.o: src/%.c
	@mkdir -p $(@D)
	@$(CC) $(CPPFLAGS) $(CFLAGS) $(SANITIZE) -c -o $@ $<

build/fuzz-core/%.o: src/%.c
	@mkdir -p $(@D)
	@clang $(CPPFLAGS) $(CFLAGS) $(SANITIZE) -fsanitize=fuzzer-no-link -c -o $@ $<


# deskgate-sign and its sisters: src/tools/deskgate_sign.c

tools: $(tool_bins)

.SECONDEXPANSION:

$(tool_bins): build/%: src/tools/$$(subst -,_,$$*).c $(tool_common) build/libdgcore.a
	@$(CC) $(CPPFLAGS) $(CFLAGS) -MF $@.d -MT $@ -o $@ \
	    $(filter %.c %.a,$^) $(LDLIBS)
	@echo "built $@"


# programs of the tests; unit programs may include the file under test, so
# the archive gives them the rest only

units: $(foreach u,$(units),build/unit/$(u) build/unit-asan/$(u))

build/unit/%: t/unit/%.c $$(call engine,$$*,) build/libdgcore.a
	@mkdir -p $(@D)
	@$(CC) $(CPPFLAGS) $(CFLAGS) -It/unit -MF $@.d -MT $@ -o $@ \
	    $< $(filter %.a,$^) $(LDLIBS)

build/unit-asan/%: t/unit/%.c $$(call engine,$$*,-asan) build/libdgcore-asan.a
	@mkdir -p $(@D)
	@$(CC) $(CPPFLAGS) $(CFLAGS) $(SANITIZE) -It/unit -MF $@.d -MT $@ -o $@ \
	    $< $(filter %.a,$^) $(LDLIBS)

fuzzers: $(fuzzers:%=build/fuzz/%)

build/fuzz/%: t/fuzz/%.c $$(call engine,$$*,-fuzz) build/libdgcore-fuzz.a
	@mkdir -p $(@D)
	@clang $(CPPFLAGS) $(CFLAGS) $(SANITIZE) -fsanitize=fuzzer -It/fuzz \
	    -MF $@.d -MT $@ -o $@ $< $(filter %.a,$^) $(LDLIBS)

benches: $(benches:%=build/bench/%)

build/bench/%: t/bench/%.c build/libdgcore.a
	@mkdir -p $(@D)
	@$(CC) $(CPPFLAGS) $(CFLAGS) -It/bench -MF $@.d -MT $@ -o $@ $< \
	    build/libdgcore.a $(LDLIBS)

judges: $(judges:%=build/vectors/%)

build/vectors/%: t/vectors/%.c build/libdgcore.a
	@mkdir -p $(@D)
	@$(CC) $(CPPFLAGS) $(CFLAGS) -It/vectors -It/unit -MF $@.d -MT $@ -o $@ $< \
	    build/libdgcore.a $(LDLIBS)

# programs that print a document from what the code knows

pages: $(pages:%=build/docs/%)

build/docs/%: t/docs/%.c build/libdgcore.a
	@mkdir -p $(@D)
	@$(CC) $(CPPFLAGS) $(CFLAGS) -It/docs -It/unit -MF $@.d -MT $@ -o $@ $< \
	    build/libdgcore.a $(LDLIBS)


# what a user asks for

run: packages-run modules tools
	@exec src/tools/deskgate-run

demo: packages-run modules tools
	@exec src/tools/deskgate-demo

test: packages-run-test modules tools
	@.ci/prove

# the tests alone, with what is built: make quick T=t/10-sign.t
quick:
	@.ci/prove $(T)

test-asan: packages-run-test modules-asan modules tools
	@DESKGATE_ASAN=1 .ci/prove

check: packages-test-check modules tools pages
	@.ci/check

vectors: packages judges
	@.ci/vectors "$(VECTORS)"

interop: packages-run-interop modules tools
	@t/interop/run

bench: packages-bench modules tools benches
	@.ci/bench

fuzz: packages-test fuzzers
	@.ci/fuzz $(or $(SECONDS_EACH),60)

docs: packages pages
	@for page in $(pages); do \
	    build/docs/$$page > docs/$$page.new && \
	    mv docs/$$page.new docs/$$page.md; done

install: modules tools
	install -d $(DESTDIR)$(modules_dir) $(DESTDIR)$(data_dir)/models \
	    $(DESTDIR)$(bin_dir) $(DESTDIR)$(doc_dir)
	install -m 644 build/ngx_http_deskgate_module.so \
	    build/ngx_http_deskgate_sandbox_module.so $(DESTDIR)$(modules_dir)
	install -m 644 src/models/* $(DESTDIR)$(data_dir)/models
	install -m 755 $(tool_bins) $(DESTDIR)$(bin_dir)
	install -m 644 README.md LICENSE CHANGES.md $(DESTDIR)$(doc_dir)
	cp -r docs conf.example $(DESTDIR)$(doc_dir)
	chmod -R u=rwX,go=rX $(DESTDIR)$(doc_dir)

clean:
	rm -rf build t/interop/work

help:
	@echo "make run        build all, start the gateway and a sandbox here"
	@echo "make demo       the same, then a tour that ends by itself"
	@echo "make            build both modules and the tools into build/"
	@echo "make test       the test suite (make quick T=FILE: one test)"
	@echo "make test-asan  the test suite under sanitizers"
	@echo "make check      style, lint, exported symbols, docs in step"
	@echo "make vectors    published vectors (VECTORS=DIR)"
	@echo "make interop    clients that are not ours: AWS CLI, SDKs, generated"
	@echo "make bench      numbers: core functions, and against proxy_pass"
	@echo "make fuzz       each fuzzer for a minute (SECONDS_EACH=N)"
	@echo "make docs       docs/refusals.md, docs/services.md from the code"
	@echo "make install    into Debian's paths (DESTDIR=DIR)"
	@echo "make clean      remove build/"
	@echo "NGINX_SRC=DIR   build against other nginx sources"

-include $(shell find build -name '*.d' -not -path 'build/*nginx/*' 2>/dev/null)
