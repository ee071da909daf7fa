// Who worked on what, when: a lane a worker, a bar an attempt.

function timeline() {
  const a = data.attempts, n = a.worker.length;
  if (!n) return;
  const state = unpack(a.state), node = section("timeline", "Workers");
  const used = [...new Set(a.worker)].sort((x, y) => data.workers[x].host === data.workers[y].host ? x - y
    : data.workers[x].host < data.workers[y].host ? -1 : 1);
  const lane = new Map(used.map((w, i) => [w, i])), height = used.length > 60 ? 6 : used.length > 24 ? 10 : 20;
  const total = Math.max(1e-3, ...a.stop), busy = w => range(n).filter(i => a.worker[i] === w).reduce((sum, i) =>
    sum + Math.max(0, a.stop[i] - a.start[i]), 0);
  const busyTimes = new Map(used.map(w => [w, busy(w)]));
  const laneName = w => `${data.workers[w].host} ${data.workers[w].pid}`;
  const present = Object.keys(states).filter(st => state.includes(st));
  const fig = figure(node, {
    caption: [`A bar is an attempt at a trial. ${plural(used.length, "worker")} ${used.length === 1 ? "was" : "were"} busy for ${duration([...busyTimes.values()].reduce((x, y) => x + y, 0))} in ${duration(total)}.`],
    height: () => 44 + used.length * (height + 4), margin: w =>
      ({ left: height < 10 ? 14 : w < 560 ? 84 : 130, top: 8, bottom: 36, right: 14 }),
    draw: f => {
      const x = elapsed([0, total], [f.left, f.right]), top = w => f.top + lane.get(w) * (height + 4), pen = f.pen(n);
      xAxis(f, x, "time since the beginning");
      for (const w of used) {
        f.back.append(s("line", { class: "grid", x1: f.left, x2: f.right, y1: top(w) + height + 2,
          y2: top(w) + height + 2 }));
        if (height >= 10) f.back.append(label(f.left - 7, top(w) + height / 2 + 4,
          cut(laneName(w), Math.floor(f.left / 6.6)), { "text-anchor": "end" }));
      }
      for (let i = 0; i < n; i++) {
        const t = study.trials[a.trial[i]], w = Math.max(0.8, x(a.stop[i]) - x(a.start[i]) - (n < 1500 ? 0.8 : 0));
        pen.rect(x(a.start[i]), top(a.worker[i]), w, height,
          { color: (states[state[i]] || states.dead).color, round: n < 1500 && w > 4 ? 2 : 0,
          alpha: !t || selected(t) ? 0.85 : 0.15 });
        if (w > (t ? Math.min(60, 9 + 6.8 * t.label.length) : 0) && height > 14 && t
          && n < 1500) f.front.append(label(x(a.start[i]) + w / 2, top(a.worker[i]) + height / 2 + 4,
          cut(t.label, Math.floor(w / 6.8)), { class: "bar-text", "text-anchor": "middle" }));
      }
      f.svg.addEventListener("pointermove", event => {
        const i = hit(event);
        f.svg.style.cursor = i >= 0 ? "pointer" : "";
        if (i < 0) return hideTip();
        const t = study.trials[a.trial[i]];
        showTip([h("div", { class: "tip-title" }, symbol(state[i]),
          t ? trialName(t) : "a trial that is not in the plan"),
          h("div", {}, `${state[i]}, attempt ${a.attempt[i]}, ${duration(a.stop[i] - a.start[i])}`),
          h("div", { class: "muted" }, data.workers[a.worker[i]].id)], event.clientX, event.clientY);
      });
      const hit = event => {
        const r = f.svg.getBoundingClientRect(), px = event.clientX - r.left, py = event.clientY - r.top;
        let best = -1, distance = 4;
        for (let i = 0; i < n; i++) {
          const y0 = top(a.worker[i]);
          if (py < y0 - 2 || py > y0 + height + 2) continue;
          const d = Math.max(x(a.start[i]) - px, px - x(a.stop[i]), 0);
          if (d < distance) [best, distance] = [i, d];
        }
        return best;
      };
      f.svg.addEventListener("pointerleave", hideTip);
      f.svg.addEventListener("click", event => {
        const i = hit(event);
        if (i >= 0 && study.trials[a.trial[i]]) openTrial(study.trials[a.trial[i]]);
      });
    },
    summary: () => `Timeline of ${n} attempts by ${used.length} workers in ${duration(total)}.`,
    table: () => ({ heads: ["worker", { text: "threads", class: "n" }, { text: "attempts", class: "n" },
      { text: "busy", class: "n" }, { text: "share", class: "n" }, "now"],
      rows: used.map(w => [data.workers[w].id, String(data.workers[w].threads || NONE),
        String(a.worker.filter(v => v === w).length), duration(busyTimes.get(w)),
        `${Math.round(100 * busyTimes.get(w) / total)} %`, data.workers[w].alive ? "working" : data.workers[w].left
          ? "left" : "gone"]) }),
  });
  if (present.length > 1) fig.node.insertBefore(legend(present.map(st =>
    legendItem(states[st].text, states[st].color, "", "square"))), fig.box);
  selection.listeners.push(() => fig.refresh());
}
