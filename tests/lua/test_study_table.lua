-- Tables of studies: what stands in them, to the letter, in each format.
local check = require "check"
local fixture = require "study_fixture"
local study_table = require "calr.study.table"

local function golden(view, options, lines)
  options.width = options.width or 80
  check.equal(study_table.render(view, options), table.concat(lines, "\n"))
end

-- Two rows of round figures: 40, 42, 44 and 43, 45, 47 % by seed.
local function small()
  local view = fixture.ablation { seeds = 3 }
  local kept = {}
  for _, trial in ipairs(view.trials) do
    if trial.row <= 2 then
      trial.metrics.mAP = (trial.row == 1 and 0.38 or 0.41) + 0.02 * trial.seed
      trial.metrics.rank1 = trial.metrics.mAP + 0.2
      kept[#kept + 1] = trial
    end
  end
  view.trials, view.parts[1].rows[3], view.parts[1].rows[4] = kept, nil, nil
  view.parts[1].rows[2].label = "100 % & more_#|*"
  return view
end

check.test("a small ablation in the terminal", function()
  golden(small(), { columns = { "mAP" } }, {
    "refinement: ablation, seeds 1-3",
    "",
    "configuration     seeds         mAP %  difference in mAP      p",
    "----------------  -----  ------------  -----------------  -----",
    "Baseline              3  42.0 \u{b1} 2.0                    -      -",
    "100 % & more_#|*      3  45.0 \u{b1} 2.0 *  +3.0 [+3.0, +3.0]  0.250",
    "",
    "* the best mean.",
    "No row can be told from the best: 3 pairs and 1 comparison allow no corrected p",
    "  below 0.250; 6 seeds would.",
    "Differences from \"Baseline\", paired by seed (3 pairs), with their 95 % BCa",
    "  bootstrap interval; p of the exact sign-flip test, at best 0.250.",
    "The command behind each figure: calr table studies/refinement --commands",
  })
end)

check.finish()
