// Scales from values to pixels, their ticks, and colours.

// The round step with which [low, high] gets the number of ticks nearest to n: 1, 2 or 5 times a power of ten.
function niceStep(low, high, n) {
  const raw = (high - low) / Math.max(1, n), power = Math.pow(10, Math.floor(Math.log10(raw))), rest = raw / power;
  return (rest >= Math.sqrt(50) ? 10 : rest >= Math.sqrt(10) ? 5 : rest >= Math.sqrt(2) ? 2 : 1) * power;
}

function tickLabels(values, step) {
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  const large = Math.max(...values.map(Math.abs));
  return values.map(v => v === 0 ? "0" : large >= 1e6 || step < 1e-5 ? short(v, 3) : fixed(v, digits));
}

function linear(domain, pixels) {
  const [a, b] = domain[0] === domain[1] ? [domain[0] - (Math.abs(domain[0]) || 1) * 0.05,
    domain[1] + (Math.abs(domain[1]) || 1) * 0.05] : domain;
  const scale = x => pixels[0] + (x - a) / (b - a) * (pixels[1] - pixels[0]);
  scale.invert = y => a + (y - pixels[0]) / (pixels[1] - pixels[0]) * (b - a);
  scale.domain = [a, b];
  scale.ticks = (n, whole) => {
    if (domain[0] === domain[1]) return [{ value: domain[0], label: short(domain[0], 3) }];
    const step = whole ? Math.max(1, niceStep(a, b, n)) : niceStep(a, b, n), list = [];
    for (let i = Math.ceil(a / step - 1e-6); i * step <= b + step * 1e-6; i++) list.push(i * step);
    const labels = tickLabels(list.length ? list : [0], step);
    return list.map((value, i) => ({ value, label: labels[i] }));
  };
  return scale;
}

function power(value) {
  const exponent = Math.round(Math.log10(value));
  return exponent >= -2 && exponent <= 4 ? String(Number(value.toPrecision(2))) : "10" + superscript(exponent);
}

function logarithmic(domain, pixels) {
  let [a, b] = domain.map(Math.log10);
  if (a === b) [a, b] = [a - 0.5, b + 0.5];
  const scale = x => pixels[0] + (Math.log10(x) - a) / (b - a) * (pixels[1] - pixels[0]);
  scale.invert = y => Math.pow(10, a + (y - pixels[0]) / (pixels[1] - pixels[0]) * (b - a));
  scale.domain = [Math.pow(10, a), Math.pow(10, b)];
  // Powers of ten have labels, what lies between them has marks; labels too, where there is less than two powers.
  scale.ticks = n => {
    const list = [], every = Math.max(1, Math.ceil((b - a) / n)), inside = v => v >= a - 1e-9 && v <= b + 1e-9;
    const powers = range(Math.ceil(b) - Math.floor(a) + 1).map(i => Math.floor(a) + i).filter(e => inside(e));
    for (let e = Math.floor(a); e <= Math.ceil(b); e++) {
      for (const m of every > 1 ? [1] : [1, 2, 3, 4, 5, 6, 7, 8, 9]) {
        const value = Number((m * Math.pow(10, e)).toPrecision(12));
        if (!inside(Math.log10(value))) continue;
        const written = m === 1 ? e % every === 0 : powers.length < 2 && (m === 2 || m === 5 || n > 4 && m === 3);
        list.push({ value, label: written ? m === 1 ? power(value) : short(value, 2) : "" });
      }
    }
    if (list.filter(t => t.label).length > 1) return list;
    return scale.domain.map(value => ({ value, label: short(value, 2) }));
  };
  return scale;
}

// Categories in equal distances, half a step from the ends.
function ordinal(values, pixels) {
  const step = (pixels[1] - pixels[0]) / values.length, index = new Map(values.map((v, i) => [v, i]));
  const scale = value => pixels[0] + (index.get(value) + 0.5) * step;
  scale.at = y => Math.max(0, Math.min(values.length - 1, Math.floor((y - pixels[0]) / step)));
  scale.step = Math.abs(step);
  scale.values = values;
  scale.ticks = () => values.map(value => ({ value, label: String(value) }));
  return scale;
}

const timeSteps = [1e-3, 2e-3, 5e-3, .01, .02, .05, .1, .2, .5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600,
  7200, 10800, 21600, 43200, 86400, 172800, 604800, 1209600, 2592000];

// Seconds, with ticks at round times.
function elapsed(domain, pixels) {
  const scale = linear(domain, pixels);
  scale.ticks = n => {
    const [a, b] = scale.domain, raw = (b - a) / Math.max(1, n);
    const step = timeSteps.find(t => t >= raw) || niceStep(a, b, n), list = [];
    const large = Math.max(step, Math.abs(b) / 10);
    const [unit, name] = large < 30 ? [1, "s"] : large < 3600 ? [60, "min"] : large < 86400 ? [3600, "h"]
      : [86400, "d"];
    for (let i = Math.ceil(a / step - 1e-6); i * step <= b + step * 1e-6; i++) {
      list.push({ value: i * step, label: i === 0 ? "0" : short(i * step / unit, 4) + " " + name });
    }
    return list;
  };
  return scale;
}

// The range of values with some air around it.
function padded(list, air = 0.05, include) {
  const e = extent(include === undefined ? list : [...list, include]);
  if (!e) return [0, 1];
  const more = (e[1] - e[0]) * air;
  return [e[0] - more, e[1] + more];
}

// ---- colours ----

const cssValues = new Map(); // emptied when the colour scheme changes

function css(name) {
  if (!cssValues.has(name)) cssValues.set(name,
    getComputedStyle(document.documentElement).getPropertyValue(name).trim());
  return cssValues.get(name);
}
const series = i => `var(--s${i % 8})`;
const dashes = ["", "7 3", "2 2.5", "9 3 2 3", "", "7 3", "2 2.5", "9 3 2 3"];

// "var(--x)" as a canvas takes it.
const resolve = color => color.startsWith("var(") ? css(color.slice(4, -1)) : color;

function ramp() {
  const stops = range(6).map(i => css("--r" + i).match(/[0-9a-f]{2}/gi).map(x => parseInt(x, 16)));
  return t => {
    const x = Math.max(0, Math.min(1, t)) * (stops.length - 1), i = Math.min(stops.length - 2, Math.floor(x));
    const mix = stops[i].map((v, c) => Math.round(v + (stops[i + 1][c] - v) * (x - i)));
    return `rgb(${mix.join(",")})`;
  };
}

// Black or white, whichever is read better on a colour "rgb(r,g,b)".
function inkOn(color) {
  const [r, g, b] = color.match(/\d+/g).map(v => Math.pow(v / 255, 2.2));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.35 ? "#15181c" : "#ffffff";
}
