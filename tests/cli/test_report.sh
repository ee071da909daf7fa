# calr report in a browser: no errors in the console, a brush that filters the table, phones, dark mode.
. "$CALR_TEST_SOURCE/tests/cli/expect.sh"

# ---- the command
expect 2 "$CALR" report
says "which folder?"
expect 2 "$CALR" report nowhere
says "there is no folder nowhere"
mkdir empty
expect 2 "$CALR" report empty
says "is neither a study (study.json) nor a run (run.json)"
expect 2 "$CALR" report empty --no-image
says "did you mean --no-images?"
expect 0 "$CALR" report --help
prints "--versus LABEL"
cat >train.lua <<'LUA'
local calr = require "calr"
local cfg = calr.config { lr = 0.1, seed = 1 }
local run <close> = calr.run.open { config = cfg }
for epoch = 0, 5 do
  run:metric { epoch = epoch, loss = 3 / (epoch + 1), lr = cfg.lr, global = { precision = .8, recall = .1 * epoch } }
end
run:log("<b>%s</b>", "</script>")
LUA
for seed in 1 2; do expect 0 "$CALR" run train.lua lr=0.2 seed=$seed --out runs/run-$seed; done
expect 0 "$CALR" report runs/run-1 -o run.html
prints "run.html ("
expect 0 "$CALR" report runs
holds -s runs/report.html
mv runs/report.html runs.html
mkdir locked && chmod 500 locked
expect 2 "$CALR" report runs/run-1 --versus run-2
says "--versus compares the rows of a study or of several runs; runs/run-1 is one run"
cp runs/run-1/metrics.jsonl before.jsonl
expect 2 "$CALR" report runs/run-1 -o runs/run-1/metrics.jsonl
says "runs/run-1/metrics.jsonl: the file's name must end in .html"
holds "$(cmp before.jsonl runs/run-1/metrics.jsonl 2>&1)" = ""
expect 2 "$CALR" report runs -o nowhere/x.html
says "calr: there is no folder nowhere to write nowhere/x.html in"
expect 2 "$CALR" report train.lua
says "train.lua is a file"
cp -r runs torn && echo '{' >torn/run-2/run.json
expect 0 "$CALR" report torn -o torn.html
contains torn.html "run-2 is left out: torn/run-2/run.json, line"
expect 1 "$CALR" report torn/run-2
says "calr: torn/run-2/run.json, line"
[ "$(id -u)" -eq 0 ] || { expect 1 "$CALR" report runs -o locked/x.html; holds ! -e locked/x.html; }

# ---- pages of every kind
cat >pages.lua <<'LUA'
local fixture, report = require "study_fixture", require "calr.lab.report"
local function write(name, view)
  require("calr.sys").write_file(name .. ".html", report.page(require("calr.lab.report.study").collect(view)))
end
write("ablation", fixture.ablation {})
local fewer = fixture.ablation { seeds = 8 } -- a lucky half of the seeds of the first row
for _, trial in ipairs(fewer.trials) do
  if trial.row == 1 then trial.metrics.mAP = trial.seed <= 4 and trial.metrics.mAP + 0.5 or nil end
end
print(fewer.parts[1].rows[4].label)
write("fewer", fewer)
write("grid", fixture.grid {})
write("search", fixture.search {})
write("confirm", fixture.search { confirm = 5 })
write("goals", fixture.goals {})
write("large", fixture.large { trials = 3000 })
write("empty", fixture.empty())
local bad = "</script><script>document.title = 'broken'</script><b class=injected>"
local view = fixture.search { trials = 20 }
for _, trial in ipairs(view.trials) do
  trial.label, trial.error, trial.notes, trial.config.refine = bad, bad, { bad }, bad
end
for _, row in ipairs(view.parts[1].rows) do row.label = bad end
view.name = "bad <i>name</i>"
write("bad", view)
LUA
expect 0 env LUA_PATH="$CALR_TEST_SOURCE/tests/lua/?.lua;;" "$CALR" pages.lua
complete=$(cat out.txt)

# ---- what a run has learned, alone and in its report; an image's history
expect 0 "$CALR" data make street -o street.lmdb --ids 6 --test-ids 4 --cameras 3 --images 4 --distractors 4 --junk 2
expect 0 "$CALR" run "$CALR_TEST_SOURCE/experiments/calr.lua" data=street.lmdb height=32 width=16 epochs=2 iterations=2 clusters=4 \
    instances=2 infomap.k=6 infomap.min_size=2 infomap.min_similarity=0.0 intra.epochs=1 intra.iterations=2 intra.k1=8 \
    intra.k2=2 intra.clusters_per_batch=4 intra.instances=2 --out trained
expect 0 "$CALR" draw trained -o drawn.html
expect 0 "$CALR" report trained -o learned.html
expect 0 "$CALR" why trained '#13' -o why.html

browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome) || {
    echo "no chromium (package chromium)"
    [ $failures -eq 0 ] && exit 77
    exit 1
}

# Windows have a least width, frames have not: each page stands in one, and tells the page around it what it sees.
# show ID NAME WIDTH SCRIPT: puts a copy of NAME.html into the next window, with a script that runs in it.
show() {
    local id=$1 name=$2 width=$3 script=$4
    {
        sed 's#</body>##; s#</html>##' "$name.html"
        cat <<HTML
<script>
const wait = async n => { while (n-- > 0) await new Promise(done => setTimeout(done, 100)); };
const rows = id => [...document.querySelectorAll("#" + id + " tbody tr")];
addEventListener("load", async () => {
  let text;
  try { await wait(2); text = await (async () => { $script })(); } catch (e) { text = "exception " + e + e.stack; }
  parent.postMessage("$id\t" + String(text).replace(/\s+/g, " "), "*");
});
</script></body></html>
HTML
    } >"shown-$id.html"
    printf '<iframe src="shown-%s.html" style="border:0;width:%dpx;height:1400px"></iframe>\n' "$id" "$width" >>frames.txt
}

# browse light|dark: opens the window; what the pages saw stands in seen-ID.txt. The console must stay silent.
browse() {
    local scheme=1
    [ "$1" = dark ] && scheme=0
    {
        printf '<!DOCTYPE html><meta charset="utf-8"><body><pre id="seen"></pre><script>addEventListener("message", e => {\n'
        printf 'document.getElementById("seen").textContent += e.data + "\\n"; });</script>\n'
        cat frames.txt
    } >window.html
    rm -rf profile frames.txt
    HOME=$PWD timeout 200 "$browser" --headless --no-sandbox --disable-gpu --user-data-dir="$PWD/profile" --enable-logging=stderr \
        --window-size=1280,1400 --blink-settings=preferredColorScheme=$scheme --virtual-time-budget=20000 --dump-dom \
        "file://$PWD/window.html" >dom.txt 2>console.txt
    status=$?
    sed -n '/<pre id="seen">/,/<\/pre>/p' dom.txt | sed 's/.*<pre id="seen">//; s/<\/pre>.*//' |
        while IFS=$'\t' read -r id text; do [ -z "$id" ] || printf '%s\n' "$text" >"seen-$id.txt"; done
    checks=$((checks + 1))
    if grep -q ':CONSOLE' console.txt; then
        status=- && fault "the console says $(grep ':CONSOLE' console.txt | head -3)"
    fi
}

# sees ID TEXT...
sees() {
    local id=$1
    shift
    [ -e "seen-$id.txt" ] || echo "nothing" >"seen-$id.txt"
    cp "seen-$id.txt" out.txt
    contains "seen-$id.txt" "$@"
}

look='const wide = [...document.querySelectorAll("body *")].filter(e => e.getBoundingClientRect().right > innerWidth + 1
    && !e.closest(".scroll, .plot, details:not([open]), pre, .images")).map(e => e.tagName + "." + e.className);
  return ["ready " + document.documentElement.dataset.ready, "figures " + document.querySelectorAll("figure").length,
    "overflow " + (document.documentElement.scrollWidth - document.documentElement.clientWidth), "wide " + wide.length + wide.slice(0, 3),
    "paper " + getComputedStyle(document.body).backgroundColor, "title " + document.title,
    "unnamed " + [...document.querySelectorAll(".plot")].filter(p => !p.getAttribute("aria-label")).length,
    "broken " + (document.body.innerText.match(/nullnull|undefined|\[object|NaN(?! in epoch)/g) || []).length,
    "injected " + document.querySelectorAll(".injected").length].join("|") + "|";'
kinds="ablation grid search confirm goals large empty bad run runs drawn learned why"
for name in $kinds; do show "$name" "$name" 375 "$look"; done
show cards ablation 375 'const cells = rows("table-1").flatMap(r => [...r.children]).filter(c => c.offsetWidth > 0);
  const third = [...rows("table-1")[2].children].filter(c => c.offsetWidth > 0);
  return ["cut " + cells.filter(c => c.getBoundingClientRect().right > innerWidth).length,
    third.map(c => c.dataset.label || "name").join(" ")].join("|") + "|";'
show seen drawn 375 'return ["sections " + [...document.querySelectorAll("h2")].map(h2 => h2.textContent).join(", "),
  "kept " + (document.querySelectorAll(".kept").length > 0), "red " + (document.querySelectorAll(".discarded").length > 0),
  "cells " + document.querySelectorAll(".cameras td").length].join("|") + "|";'
show stages learned 1200 'return document.querySelector("#training").innerText;'
show alone run 1200 'return document.querySelector("#training").innerText;'
show intervals learned 1200 'return [...document.querySelectorAll("#evaluation th")].map(t => t.textContent).join(" ") + "|"
  + [...document.querySelectorAll("#evaluation tbody td")].slice(0, 2).map(t => t.textContent).join(" ") + "|";'
browse dark
for name in $kinds; do
    sees "$name" "ready yes|" "overflow 0|" "wide 0|" "paper rgb(20, 23, 27)|" "unnamed 0|" "broken 0|" "injected 0|"
done
sees bad "title bad &lt;i&gt;name&lt;/i&gt;|"
sees cards "cut 0|name mAP, % n difference p rank1, % silhouette|"
sees stages "Stage 2, by epoch" "Stage 1, a network a camera"
sees alone "Figure 1. By epoch."
sees intervals "mAP, % 95 % of queries rank1, % 95 % of queries rank5, %"
holds "$(grep -c 'spread' seen-intervals.txt)" -eq 0
holds "$(grep -Ec '[0-9.]+ [0-9.]+ to [0-9.]+[|]' seen-intervals.txt)" -eq 1
sees seen "sections Features, What the clusters held, Ranked lists, Cameras|kept true|red true|cells 9|"

# ---- a brush on an axis leaves the trials inside, in the table and wherever they are drawn
pull='const axis = document.querySelector(".brush-area[data-axis=\"infomap.k\"]");
  axis.scrollIntoView({ block: "center" });
  await wait(2);
  const box = axis.getBoundingClientRect(), vertical = box.height > box.width;
  const at = (share, type) => axis.dispatchEvent(new PointerEvent(type, { bubbles: true, cancelable: true, pointerId: 1, button: 0,
    clientX: vertical ? box.left + box.width / 2 : box.left + 6 + share * (box.width - 12),
    clientY: vertical ? box.bottom - 6 - share * (box.height - 12) : box.top + box.height / 2 }));
  const drag = async (from, to) => { at(from, "pointerdown"); for (const s of [.3, .7, 1]) at(from + s * (to - from), "pointermove");
    at(to, "pointerup"); await wait(4); };
  const counted = () => document.getElementById("trial-count").textContent;
  const heads = [...document.querySelectorAll("#trial-table thead th")].map(t => t.textContent), column = heads.indexOf("infomap.k");
  const values = () => [...new Set(rows("trial-table").map(r => r.children[column].textContent))].sort().join(",");
  const before = counted();
  await drag(.4, .05);
  const during = counted() + " k " + values();
  const brushed = document.querySelectorAll(".brush-range").length;
  axis.dispatchEvent(new KeyboardEvent("keydown", { key: "Escape", bubbles: true }));
  await wait(4);
  const after = counted();
  for (let i = 0; i < 12; i++) axis.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowUp", bubbles: true }));
  await wait(4);
  return [before, during, "brushes " + brushed, after, "keys " + values()].join("|") + "|";'
for width in 1000 375; do show brush-$width search $width "$pull"; done

# ---- what else one does with a page
show trial search 1000 'document.querySelector("#trial-table tbody tr td").click(); await wait(2);
  const open = document.querySelector("dialog").open, text = document.querySelector("dialog").textContent;
  document.querySelector("dialog .close").click();
  const head = [...document.querySelectorAll("#trial-table thead button")].find(b => b.textContent === "time");
  head.click(); const down = head.closest("th").getAttribute("aria-sort");
  head.click(); const up = head.closest("th").getAttribute("aria-sort");
  const number = document.querySelector("#trial-table .number");
  return ["dialog " + open, text.includes("--trial") && !text.includes("null") && "has its command", down + " " + up,
    number.dataset.command].join("|") + "|";'
show metric ablation 1000 'const choose = document.querySelector("#results select");
  const before = document.querySelector("#table-1").textContent;
  choose.value = "mAP@best"; choose.dispatchEvent(new Event("change")); await wait(1);
  return [document.querySelector("#table-1").textContent !== before, document.querySelector("#results").textContent.includes("flatters"),
    rows("table-1").length].join("|") + "|";'
show find large 1000 'document.querySelector("#trials input").value = "#299";
  document.querySelector("#trials input").dispatchEvent(new Event("input")); await wait(2);
  return document.getElementById("trial-count").textContent + "|" + rows("trial-table").length + "|";'
show fewer fewer 1000 'return document.querySelector(".lede").textContent + "|" + document.querySelector("#results").innerText;'
show print search 1000 'dispatchEvent(new Event("beforeprint"));
  const paper = getComputedStyle(document.body).backgroundColor;
  dispatchEvent(new Event("afterprint"));
  return paper + "|" + document.querySelectorAll("figure svg .marks path").length;'
for name in search run runs drawn learned why; do show "wide-$name" "$name" 1200 "$look"; done
browse light
for width in 1000 375; do
    sees brush-$width "61 of 61 trials|" "k 15,20|brushes 1|61 of 61 trials|keys 30,35,40|"
done
sees trial "dialog true|has its command|descending ascending|calr study search.lua --trial "
sees metric "true|true|4|"
sees fewer "Best: $complete with " "over 8 seeds)" "Bold: the best mean of the rows with the most seeds, significantly better than all that share enough seeds with it."
sees find "11 of 3" "|11|"
sees print "rgb(255, 255, 255)|"
for name in search run runs drawn learned why; do
    sees "wide-$name" "ready yes|" "overflow 0|" "wide 0|" "paper rgb(255, 255, 255)|" "broken 0|"
done
finish
