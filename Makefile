# Two commands matter: make demo, make test. Both need Go and git; make test installs what else it uses, and says so.

GO        ?= go
FUZZTIME  ?= 30s
CACHE     ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/lapse-tools
# Tests find it under the same name.
export LAPSE_TOOLS := $(CACHE)
STATICCHECK_VERSION := v0.8.2
STATICCHECK := $(CACHE)/staticcheck-$(STATICCHECK_VERSION)
ACT_VERSION := v0.2.89
ACTIONLINT_VERSION := v1.7.12
# Tests run workflows with them (cmd/lapse/runner_test.go names the same versions).
RUNNERS := $(CACHE)/act-$(ACT_VERSION) $(CACHE)/actionlint-$(ACTIONLINT_VERSION)

.PHONY: demo test fuzz chaos mutants build vet needs

demo:
	$(GO) run ./cmd/lapse demo $(DEMO)

build:
	$(GO) build -trimpath -o bin/lapse ./cmd/lapse

test: needs vet
	@CACHE=$(CACHE) GO=$(GO) sh .ci/test

vet: $(STATICCHECK)
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { echo "not formatted:"; gofmt -l $$(git ls-files '*.go'); exit 1; }
	$(GO) vet ./...
	$(STATICCHECK) ./...

# Every fuzz target for FUZZTIME. A crasher is written to the package's testdata/fuzz and is then a test for good.
fuzz:
	@FUZZTIME=$(FUZZTIME) GO=$(GO) sh .ci/fuzz

# Random histories against reconciles that are killed at every boundary: N in process, a tenth of that with the real program and SIGKILL.
# SEED plays one history again, and tells all of it; FROM is the first seed. docs/reliability.md says what they show.
N    ?= 1000
FROM ?= 1
chaos:
ifdef SEED
	@$(GO) test -count=1 -timeout 10m ./cmd/lapse -run 'TestA50A51RandomHistories' -v -chaos.seed $(SEED)
else
	@$(GO) test -count=1 -timeout 24h ./cmd/lapse -run 'TestA50A51RandomHistories|TestA50TheProgram' -v \
		-chaos.n $(N) -chaos.from $(FROM) -chaos.all -chaos.programs $$(($(N) < 1000 ? 100 : $(N) / 10))
endif

# One defence after another is taken out of the source, and the harness must fail by the rule that it holds.
mutants:
	@$(GO) test -count=1 -timeout 2h ./cmd/lapse -run 'MutantsAreCaught' -v -chaos.mutants 100

$(STATICCHECK):
	@echo "installing staticcheck $(STATICCHECK_VERSION) into $(CACHE)"
	@mkdir -p $(CACHE)
	@GOBIN=$(CACHE)/new $(GO) install honnef.co/go/tools/cmd/staticcheck@$(STATICCHECK_VERSION)
	@mv $(CACHE)/new/staticcheck $@

$(CACHE)/act-$(ACT_VERSION):
	@echo "installing act $(ACT_VERSION) into $(CACHE)"
	@mkdir -p $(CACHE)
	@GOBIN=$(CACHE)/new $(GO) install github.com/nektos/act@$(ACT_VERSION)
	@mv $(CACHE)/new/act $@

$(CACHE)/actionlint-$(ACTIONLINT_VERSION):
	@echo "installing actionlint $(ACTIONLINT_VERSION) into $(CACHE)"
	@mkdir -p $(CACHE)
	@GOBIN=$(CACHE)/new $(GO) install github.com/rhysd/actionlint/cmd/actionlint@$(ACTIONLINT_VERSION)
	@mv $(CACHE)/new/actionlint $@

# What tests use beside Go: git with git-http-backend, ssh-keygen (git verify-commit), a C compiler (the race detector), gh, and
# what GitHub publishes of its API (npm); shellcheck; act and actionlint, which run and read workflows;
# sigstore's authorities, which are built here.
needs: $(RUNNERS)
	@CACHE=$(CACHE) GO=$(GO) sh .ci/needs
