# What a study declares: samplers and pruners with empty tables, misspelt names, tables without values. A slip is named
# at the line of the script; nothing is the call of a nil.
. "$CALR_TEST_SOURCE/tests/cli/expect.sh"

cat >script.lua <<'LUA'
local calr = require "calr"
local cfg = calr.config { x = 0.5 }
local run = calr.run.open { config = cfg }
run:metric { mAP = cfg.x }
run:finish { mAP = cfg.x }
LUA

# study STATUS LINE: a study with this line, checked by --dry-run, which stops before any trial.
study() {
    printf '%s\n' 'local calr = require "calr"' 'local S = calr.study "t" { seeds = { 1 }, script = "script.lua" }' \
        "$2" 'S:run()' >study.lua
    expect "$1" "$CALR" study study.lua --dry-run
    checks=$((checks + 1))
    ! grep -q "nil value\|0x" err.txt || fault "$2"
}

for sampler in tpe gp cmaes nsga2 sobol random; do
    for call in "S.$sampler {}" "S.$sampler()" "calr.study.$sampler {}" "{ \"$sampler\" }" "\"$sampler\""; do
        study 0 "S:search { trials = 2, sampler = $call, x = S.float(0, 1) }"
        prints "$sampler over 1 parameters"
    done
    study 1 "S:search { trials = 2, sampler = S.$sampler(3), x = S.float(0, 1) }"
    says "study.lua:3: S.$sampler takes a table of options"
    study 1 "S:search { trials = 2, sampler = S.$sampler { nosuch = 3 }, x = S.float(0, 1) }"
    says "sampler \"$sampler\" has no option \"nosuch\""
done
study 0 'S:search { trials = 2, sampler = S.gp { startup = 1 }, x = S.float(0, 1) }'
for pruner in median asha wilcoxon; do
    study 0 "S:search { trials = 2, prune = S.$pruner {}, x = S.float(0, 1) }"
done
study 1 'S:search { trials = 2, prune = S.hyperband {}, x = S.float(0, 1) }'
says "the pruner hyperband needs max"
study 1 'S:search { trials = 2, sampler = S.gpp {}, x = S.float(0, 1) }'
says 'study.lua:3: the study has no "gpp" (did you mean "gp"?)'
study 1 'S:search { trials = 2, sampler = {}, x = S.float(0, 1) }'
says "study.lua:3: S:search: sampler must be a name" "S.gp{...}"
study 1 'S:search { trials = 2, sampler = S.gp, x = S.float(0, 1) }'
says "S:search: sampler must be a name"
study 1 'S:search { trials = 2, sampler = S.grid {}, x = S.float(0, 1) }'
says "study.lua:3: write S:grid{...}, with a colon"
study 1 'S.search { trials = 2, x = S.float(0, 1) }'
says "study.lua:3: write S:search{...}, with a colon"
study 1 'S:search { trials = 2, x = {} }'
says 'S:search: "x" has no values'
study 1 'S:search { trials = 2, x = S.float {} }'
says "S.float takes two bounds: S.float(0, 1)"
study 1 'S:search {}'
says "no parameters"
study 1 'S:grid {}'
says "there are no parameters"
study 1 'S:ablate {}'
says "S:ablate takes a list of rows"
finish
