# make demo   the main job, against a simulated host; also DEMO=wsl2 (WSL 2 in a VM), DEMO=containers (isolated
#             containers in a VM) or DEMO=hci (nodes of Azure Stack HCI)
# make test   every check, as in continuous integration, with each ansible-core that a Python at hand can run what can
#             differ with it; or one of: lint layers units contract transport scenarios report docs sanity
#             sanity-core molecule
# make format writes what make lint checks of Python's format
# make picture  the picture of the demo in the README (docs/demo.svg), from a run of it
# make bench  requests, bytes and seconds, side by side with PowerShell tasks, and the picture of them (docs/bench.svg)
# make faults the fault matrix: every module and playbook with a fault at every request (docs/fault_matrix.md)
# make docs   the site of the documentation: .build/docs/html/index.html
# make rules  the pages of the support rules, the privileges and the cmdlets (docs), from their data
# make profile  files, functions and moves between files of three tasks
#
# Needs git, make and python3 (3.10 or newer, with venv). Everything else goes into .venv and .build.
# Another ansible-core (tests/constraints-*.txt): make units CORE=2.20
# Another Python: make units PYTHON=python3.13 VENV=.venv-3.13

PYTHON = python3
CORE =
DEMO = nesting
VENV = .venv$(CORE:%=-%)

export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
export ANSIBLE_COLLECTIONS_PATH := $(CURDIR)/.build
export PYTHONDONTWRITEBYTECODE = 1
pip-install = $(VENV)/bin/python -m pip install --no-input --disable-pip-version-check $(1) >$(VENV)/pip.log 2>&1 \
    || { cat $(VENV)/pip.log >&2; exit 1; }

LINK = .build/ansible_collections/nested/hyperv
COPY = .build/sanity/ansible_collections/nested/hyperv

.PHONY: help test setup lint format layers units contract transport scenarios report docs sanity sanity-core molecule demo picture bench faults rules profile clean
.DEFAULT_GOAL = help

help:
	@sed -n '/^#/!q; s/^# \{0,1\}//p' Makefile

# --- Setting up ---------------------------------------------------------------------------------------------------

# A virtual environment whose Python is gone, or that was created in another folder, is recreated.
$(shell $(VENV)/bin/python -c 'import ansible' 2>/dev/null && grep -sqxF '$(CURDIR)' $(VENV)/run.stamp || rm -f $(VENV)/*.stamp)

# Its pip obeys the constraints of the ansible-core of the round.
$(VENV)/run.stamp: $(wildcard tests/constraints*.txt) tests/requirements-run.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { echo '$(PYTHON) is too old or not there: Python 3.10 or newer is needed (make PYTHON=python3.12 …)' >&2; exit 1; }
	@round=$$($(PYTHON) .ci/rounds.py $(CORE)) || exit 1; core=$${round%% *}; python=$${round#* }; \
	echo "Setting up $(VENV) with ansible-core $$core and $$("$$python" --version)"; \
	"$$python" -m venv --clear '$(CURDIR)/$(VENV)' && \
	printf '[install]\nconstraint = %s\nbuild-constraint = %s\n' \
	    '$(CURDIR)'/tests/constraints-$$core.txt '$(CURDIR)/tests/constraints.txt' >$(VENV)/pip.conf
	@$(call pip-install,-r tests/requirements-run.txt)
	@echo '$(CURDIR)' >$@

$(VENV)/test.stamp: $(VENV)/run.stamp tests/requirements.txt
	@echo 'Adding the tools for tests'
	@$(call pip-install,-r tests/requirements.txt)
	@touch $@

# Ansible and Python find the checkout as ansible_collections/nested/hyperv through this link.
$(LINK):
	@mkdir -p $(@D)
	@ln -sfn ../../.. $@

# --- Tests --------------------------------------------------------------------------------------------------------

test:
	@$(PYTHON) .ci/steps.py $(MAKEOVERRIDES)

setup: $(VENV)/test.stamp $(LINK)

lint: $(VENV)/test.stamp $(LINK)
	ruff check .
	ruff format --check .
	ansible-lint --offline --strict

format: $(VENV)/test.stamp
	ruff check --fix-only .
	ruff format .

layers: $(VENV)/test.stamp $(LINK)
	PYTHONPATH='$(CURDIR)/.build' lint-imports --config tests/layers.ini --no-cache

# All but the scenarios, which Molecule runs.
units: $(VENV)/test.stamp $(LINK)
	pytest -n 2 --durations 40 --ignore tests/playbooks/test_scenarios.py tests/unit tests/playbooks

# The units that can differ with ansible-core and are quick; of the modules, the examples as they are documented.
contract: $(VENV)/test.stamp $(LINK)
	pytest -n 2 tests/unit/plugins/action tests/unit/plugins/filter tests/unit/plugins/inventory \
	    tests/playbooks/test_ansible_playbook.py tests/playbooks/test_check_across_tasks.py \
	    tests/playbooks/test_unreachable.py
	pytest -n 2 tests/unit/contract/test_modules.py -k documented

# The units that can differ with Python alone.
transport: $(VENV)/test.stamp $(LINK)
	pytest -n 2 tests/unit/plugins/module_utils/_wsman

# The playbooks of the scenarios without Molecule.
scenarios: $(VENV)/test.stamp $(LINK)
	pytest -n 2 tests/playbooks/test_scenarios.py

# The HTML report in Chromium, with axe-core. Programs that PyPI doesn't have are installed if root runs this.
AXE = axe-core-4.14.1
$(VENV)/report.stamp: $(VENV)/test.stamp tests/requirements-report.txt
	@echo 'Adding the tools for tests of the report'
	@$(call pip-install,-r tests/requirements-report.txt)
	@touch $@

.build/$(AXE)/axe.min.js:
	@.ci/programs >/dev/null
	@rm -rf $(@D) && mkdir -p $(@D)
	@cd $(@D) && npm pack --silent $(subst axe-core-,axe-core@,$(AXE)) >/dev/null && \
	    tar xzf $(AXE).tgz --strip-components 1 && rm $(AXE).tgz

report: $(VENV)/report.stamp $(LINK) .build/$(AXE)/axe.min.js
	chromium=$$(.ci/programs) && CHROMIUM=$$chromium AXE='$(CURDIR)/.build/$(AXE)/axe.min.js' pytest tests/report

# The site: pages of the modules and roles from their documentation, guides, and Markdown of the repository in place, so
# that its links lead to the same files. Every reference must lead somewhere.
$(VENV)/docs.stamp: $(VENV)/test.stamp tests/requirements-docs.txt
	@echo 'Adding the tools for the documentation'
	@$(call pip-install,-r tests/requirements-docs.txt)
	@touch $@

docs: $(VENV)/docs.stamp $(LINK)
	@rm -rf .build/docs && mkdir -p .build/docs/source/collection && chmod go-w .build/docs/source/collection
	antsibull-changelog lint
	antsibull-docs lint-collection-docs --plugin-docs .
	antsibull-docs collection --use-current --squash-hierarchy --fail-on-error \
	    --dest-dir .build/docs/source/collection nested.hyperv
	@cp -R docs/docsite/examples .build/docs/source/collection
	@cp docs/sphinx/index.rst .build/docs/source
	@tar cf - $(wildcard C*.md SECURITY.md docs/*.md docs/*.png docs/*.svg docs/*.j2 docs/pipelines docs/simulator \
	    roles/*/README.md tests/simulator/*.md tests/simulator/model/*.md) | tar xf - -C .build/docs/source
	sphinx-build -M html .build/docs/source .build/docs -c docs/sphinx -W --keep-going -q

# ansible-test wants a real folder, not a link, and a git repository of its own.
define ansible-test
@rm -rf .build/sanity
@mkdir -p $(COPY)
@{ git -c core.quotepath=off ls-files -co --exclude-standard; git -c core.quotepath=off ls-files -d; } \
    | sort | uniq -u | tar cf - -T - | tar xf - -C $(COPY)
@git -C $(COPY) init -q && git -C $(COPY) add -A
@python .ci/bootstrap-pip.py
cd $(COPY) && ansible-test sanity --venv \
    --python $$(python -c 'import sys; print("%d.%d" % sys.version_info[:2])')
endef

sanity: $(VENV)/test.stamp
	$(ansible-test)

# Those that can differ with ansible-core. Three quarters of the others' time is pylint's.
sanity-core: $(VENV)/test.stamp
	$(ansible-test) $(addprefix --test ,ansible-doc compile ignores import runtime-metadata validate-modules)

molecule: $(VENV)/test.stamp $(LINK)
	@rm -f .build/molecule/state.yml
	MOLECULE_EPHEMERAL_DIRECTORY='$(CURDIR)/.build/molecule' molecule test --all

# --- To look at ---------------------------------------------------------------------------------------------------

demo: $(VENV)/run.stamp $(LINK)
	@tests/demo/run.sh $(DEMO)

picture: $(VENV)/run.stamp $(LINK)
	ANSIBLE_FORCE_COLOR=1 tests/demo/run.sh nesting >.build/demo.txt
	python tests/demo/picture.py <.build/demo.txt >docs/demo.svg

# win_powershell comes from the package ansible, of which nothing but its collections is wanted.
.build/bench: $(VENV)/run.stamp
	@echo 'Adding the package ansible'
	@rm -rf $@
	@$(call pip-install,--no-deps --no-compile --target $@ ansible)

$(VENV)/bench.stamp: $(VENV)/run.stamp tests/requirements-bench.txt
	@echo 'Adding the tools for the benchmark'
	@$(call pip-install,-r tests/requirements-bench.txt)
	@touch $@

bench: $(VENV)/bench.stamp $(LINK) .build/bench
	ANSIBLE_COLLECTIONS_PATH="$$ANSIBLE_COLLECTIONS_PATH:$(CURDIR)/.build/bench" PYTHONPATH='$(CURDIR)/.build' \
	    python -m tests.benchmarks

faults: $(VENV)/test.stamp $(LINK)
	python -m tests.faults

rules: $(VENV)/test.stamp $(LINK)
	for page in support_rules privileges cmdlets; do \
	    PYTHONPATH='$(CURDIR)/.build' python -m ansible_collections.nested.hyperv.tests.harness.$$page || exit 1; done

profile: $(VENV)/run.stamp $(LINK)
	@python -m tests.benchmarks.profile

clean:
	rm -rf .build .venv .venv-*
