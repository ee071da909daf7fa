#!/usr/bin/env bash
# Searches: samplers, pruners, conditions, confirmation with all seeds, two goals, a sampler and a pruner of one's own.
. "$CALR_TEST_SOURCE/tests/cli/expect.sh"
cd "$CALR_TEST_TMP" || exit 1

ended() { cat studies/"$1"/journals/*.jsonl | grep -c '"kind":"end".*"state":"'"$2"'"'; }

# search NAME GOAL SEARCH-OPTIONS: trials have curves that tell early how good they are
search() {
    cat >"$1".lua <<LUA
local calr = require "calr"
local S = calr.study "$1" { goal = $2, seeds = {1, 2, 3, 4}, base = { epochs = 16 } }
S:search { $3, x = S.float(-3, 3), k = S.int(1, 9, 2),
  refine = S.choice { "none", { "knn", alpha = S.float(.1, .9) } } }
S:run(function(trial)
  local c = trial.config
  assert((c.refine == "knn") == (c["refine.alpha"] ~= nil))
  local loss = (c.x - 1) ^ 2 + (c.k - 5) ^ 2 / 16 + (c["refine.alpha"] or 1) + trial.seed / 100
  for epoch = 1, c.epochs do trial:report(epoch, { loss = loss * (1 + 1 / epoch), cost = (c.x + 2) ^ 2 }) end
end)
LUA
}

for sampler in random sobol tpe; do
    search $sampler '"min loss"' "trials = 25, sampler = \"$sampler\", confirm = 3"
    expect 0 "$CALR" study $sampler.lua
    holds "$(ended $sampler finished)" -eq 34
    # the same history gives the same suggestions, whoever asks
    expect 0 "$CALR" study $sampler.lua --out again-$sampler
    holds "$(cat again-$sampler/asks/*.json | sed 's/"worker".*//' | md5sum)" = \
        "$(cat studies/$sampler/asks/*.json | sed 's/"worker".*//' | md5sum)"
done

search asha '"min loss"' "trials = 40, sampler = \"random\", prune = S.asha { min = 2, eta = 2 }, confirm = 2"
expect 0 "$CALR" study asha.lua
holds "$(ended asha pruned)" -ge 10
holds "$(($(ended asha pruned) + $(ended asha finished)))" -eq 46
expect 0 "$CALR" study asha.lua
holds "$(($(ended asha pruned) + $(ended asha finished)))" -eq 46

search median '"min loss"' "trials = 30, sampler = \"random\", prune = S.median {}"
expect 0 "$CALR" study median.lua --workers 2
holds "$(ended median pruned)" -ge 3
holds "$(($(ended median pruned) + $(ended median finished)))" -eq 30

search hyperband '"min loss"' "trials = 30, prune = S.hyperband { min = 1, max = 16, eta = 2 }"
expect 0 "$CALR" study hyperband.lua
holds "$(($(ended hyperband pruned) + $(ended hyperband finished)))" -eq 30

search two '{ "min loss", "min cost" }' "trials = 30, confirm = 2"
expect 0 "$CALR" study two.lua
holds "$(ended two finished)" -eq 36

# more trials later: the search goes on; a finished one is skipped
search grow '"min loss"' "trials = 12"
expect 0 "$CALR" study grow.lua
sed -i 's/trials = 12/trials = 20/' grow.lua
expect 0 "$CALR" study grow.lua
holds "$(ended grow finished)" -eq 20

# a space that comes to its end, and one that a constraint leaves little of
cat >small.lua <<'LUA'
local calr = require "calr"
local S = calr.study "small" { goal = "min loss" }
S:search { trials = 50, sampler = "random", a = S.int(1, 4), b = S.choice { true, false },
  where = function(c) return c.a > 1 or c.b end }
S:run(function(trial) return trial.config.a end)
LUA
expect 0 "$CALR" study small.lua
holds "$(ended small finished)" -eq 7

# one's own sampler and pruner
cat >halves.lua <<'LUA'
return function(space, options)
  return { tell = function() end, ask = function(_, number) return space:from_unit { .5, .1, .5, number / 16 } end }
end
LUA
cat >late.lua <<'LUA'
return function(options)
  return { observe = function() end, ended = function() end,
    judge = function(_, report) return report.step >= options.after and report.number > 3, "late" end }
end
LUA
search own '"min loss"' 'trials = 6, sampler = "./halves.lua", prune = { name = "./late.lua", after = 4 }'
expect 0 "$CALR" study own.lua
holds "$(ended own pruned)" -eq 3
holds "$(ended own finished)" -eq 3

# the pruner by seeds ends the confirmation of what is clearly worse
search seeds '"min loss"' "trials = 12, sampler = \"random\", prune = S.wilcoxon { p = .3, startup = 2 }, confirm = 6"
expect 0 "$CALR" study seeds.lua
holds "$(ended seeds finished)" -ge 14
holds "$(($(ended seeds pruned) + $(ended seeds finished)))" -eq 30
holds "$(ended seeds pruned)" -ge 1

# ablation, grid and search in one study, with its tables
cat >all.lua <<'LUA'
local calr = require "calr"
local S = calr.study "refinement" {
  goal = "max mAP", seeds = {1, 2, 3},
  base = { data = "street.lmdb", epochs = 8, refine = "none" },
}
S:ablate { {"Baseline"}, {"+ alignment", alignment = true}, {"+ refinement", alignment = true, refine = "pivot"} }
S:grid   { ["infomap.k"] = {10, 15, 20}, S.zip { temperature = {.05, .07}, momentum = {.1, .2} } }
S:search { sampler = "tpe", trials = 20, prune = S.asha { min = 2, eta = 4 }, confirm = 2,
           ["infomap.min_similarity"] = S.float(.3, .7), lr = S.float(1e-5, 1e-3, "log"), ["infomap.k"] = S.int(10, 40, 5),
           refine = S.choice { "none", { "knn", alpha = S.float(.1, .9) } } }
S:run(function(trial)
  local c, state = trial.config, trial:restore() or { epoch = 0 }
  for epoch = state.epoch + 1, c.epochs do
    local m = .3 + (c.alignment and .1 or 0) + (c.refine == "pivot" and .2 or 0) + (c["refine.alpha"] or 0) / 4
    trial:report(epoch, { mAP = m * (1 - .5 / epoch) + trial.seed / 1000, rank1 = .8 * m })
    trial:checkpoint { epoch = epoch }
  end
end)
S:table { rows = "label", columns = { "mAP", "rank1" }, versus = "Baseline" }
LUA
expect 0 "$CALR" study all.lua
prints "+ refinement" "infomap.k" "(2 fresh seeds)" "difference in mAP"
expect 2 "$CALR" table studies/refinement --versus Basline
says 'did you mean "Baseline"?'

finish
