// The operation over its time: phases, instruments, events; a click leads to the clip.
import { $, clock, make } from "./shared.js";

let line = null, open = () => {};
export const whenChosen = listener => { open = listener; };

// Hues a golden angle apart: no two of a dozen neighbours are close.
const hues = new Map();
export function colour(phase) {
  if (phase === "no phase") return "hsl(0 0% 72%)";
  if (!hues.has(phase)) hues.set(phase, (hues.size * 137.508) % 360);
  return `hsl(${hues.get(phase)} 62% 72%)`;
}

export function showLine(found, clip) {
  const other = line?.case !== found.case;
  line = found;
  if (other) hues.clear();
  const share = seconds => `${(100 * seconds) / (line.end_s || 1)}%`;
  const rows = line.tracks.flatMap(track => {
    const parts = track.stretches.map(one => {
      const moment = one.start_s === one.end_s;
      const when = moment ? clock(one.start_s) : `${clock(one.start_s)} to ${clock(one.end_s)}`;
      const style = { left: share(one.start_s) };
      if (track.kind === "phases") style.background = colour(one.label);
      if (!moment) style.width = share(one.end_s - one.start_s);
      return make("button", { type: "button", style, title: `${one.label}, ${when}`, className: moment ? "moment" : "", onclick: event => choose(event, one), tabIndex: track.kind === "phases" ? 0 : -1 },
        ...(moment ? [] : [one.label]));
    });
    const place = make("div", { className: `track ${track.kind}`, onclick: nearest }, ...parts,
      make("i", { className: "window", style: { left: share(clip.start_s), width: share(clip.end_s - clip.start_s) } }), make("i", { className: "cursor" }));
    return [make("span", { className: "name", title: track.name }, track.name), place];
  });
  const ends = make("div", { className: "track ends" }, make("span", {}, "0:00"), make("span", {}, clock(line.end_s)));
  $("timeline").replaceChildren(...rows, make("span", { className: "name" }), ends);
}

function choose(event, stretch) {
  event.stopPropagation();
  const track = event.currentTarget.parentElement.getBoundingClientRect();
  const seconds = event.clientX ? (line.end_s * (event.clientX - track.left)) / track.width : stretch.start_s;
  open(stretch.start_s === stretch.end_s ? stretch.clip : null, seconds);
}

function nearest(event) {
  const box = event.currentTarget.getBoundingClientRect();
  open(null, (line.end_s * (event.clientX - box.left)) / box.width);
}

export function moveCursor(seconds) {
  if (!line) return;
  for (const cursor of $("timeline").querySelectorAll(".cursor")) cursor.style.left = `${(100 * seconds) / (line.end_s || 1)}%`;
}
