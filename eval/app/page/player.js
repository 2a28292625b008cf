// The video with its boxes. The film has a frame for each of the clip's times; boxes show on the annotated one.
import { $, address, clock, get, latest, make, tell } from "./shared.js";

let clip = null, film = null, shown = 0, said = { a: [], b: [] }, onTime = () => {};
const newest = latest();

export const whenTimeChanges = listener => { onTime = listener; };
export const place = () => shown;
const last = () => clip.times.length - 1;
const step = () => clip.pace_s;

export function showClip(page) {
  stop();
  if (film) URL.revokeObjectURL(film);
  clip = page; film = null; said = { a: [], b: [] }; newest();
  $("film").hidden = true; $("film").removeAttribute("src");
  $("film-waiting").hidden = true; // of the clip before
  tell("film-error");
  $("picture").style.setProperty("--ratio", `${page.width} / ${page.height}`);
  $("picture").style.setProperty("--shape", page.width / page.height);
  $("annotated").hidden = !page.annotated.length;
  $("blank").hidden = page.pictures; $("poster").hidden = !page.pictures;
  for (const id of ["play", "speed"]) $(id).disabled = !page.pictures;
  $("poster").onerror = () => get("media/frame", { index: shown }).catch(error => tell("film-error", error));
  goto(own()?.index ?? Math.floor(page.times.length / 2));
}

export function goto(index) {
  if (!clip) return;
  shown = Math.max(0, Math.min(index, last()));
  if (film) $("film").currentTime = (shown + 0.5) * step();
  else if (clip.pictures) {
    $("poster").src = address("media/frame", { index: shown });
    $("poster").alt = `Frame ${shown + 1} of ${last() + 1}, ${clock(clip.times[shown])}`;
  }
  draw();
}

// To the frame that is nearest to a second of the case.
export const gotoSecond = seconds => clip && goto(clip.times.reduce((best, time, at) => (Math.abs(time - seconds) < Math.abs(clip.times[best] - seconds) ? at : best), 0));

// The moment of a question's evidence that shows boxes, else its last.
const near = (one, seconds) => Math.abs(one.time_s - seconds) < 0.05;
export const boxed = evidence => evidence.findLast(seconds => clip?.annotated.some(one => near(one, seconds) && one.marks.length));
export function toEvidence(evidence) {
  const seconds = boxed(evidence) ?? evidence.at(-1);
  if (seconds === undefined) return;
  stop();
  gotoSecond(seconds);
}

export const move = by => { stop(); goto(shown + by < 0 ? last() : (shown + by) % (last() + 1)); };
// The annotated moment that the clip's questions are about, else the last one that shows where things are.
const own = () => clip.annotated.find(one => one.own) ?? clip.annotated.at(-1);
const here = () => clip.annotated.filter(one => one.index === shown).at(-1);
export const toMoment = () => { // the next one, round and round
  if (!clip?.annotated.length) return;
  stop();
  goto((clip.annotated.find(one => one.index > shown) ?? clip.annotated[0]).index);
};

// What an answer points at, in the colour of who gave it.
export function pointAt(who, marks) { said[who] = marks; if (clip) draw(); }

function draw() {
  const marks = [];
  if ($("boxes").checked) {
    marks.push(...(here()?.marks ?? []).map(mark => [mark, mark.role]));
    for (const who of ["a", "b"]) if (shown === (own()?.index ?? shown)) marks.push(...said[who].map(mark => [mark, who]));
  }
  const present = ($("boxes").checked && here()?.present) || [];
  $("present").replaceChildren(...(present.length ? [make("small", {}, "here, place not annotated: ")] : []), ...present.map(name => make("b", {}, name)));
  $("marks").replaceChildren(...marks.map(([mark, role]) => outline(mark, role)));
  $("clock").textContent = `${clock(clip.times[shown])} · ${clip.pictures ? "frame" : "moment"} ${shown + 1} of ${last() + 1}`;
  onTime(clip.times[shown]);
}

function outline({ box: [x1, y1, x2, y2], label }, role) {
  const point = x1 === x2 && y1 === y2;
  const place = { left: `${100 * x1}%`, top: `${100 * y1}%` };
  if (!point) Object.assign(place, { width: `${100 * (x2 - x1)}%`, height: `${100 * (y2 - y1)}%` });
  const classes = ["mark", role, point ? "point" : "", y1 < 0.07 ? "low" : "", x1 > 0.75 ? "right" : ""].join(" ");
  return make("div", { className: classes, style: place }, ...(label || role.length === 1 ? [make("span", {}, label || role.toUpperCase())] : []));
}

async function load() {
  const mine = newest();
  $("film-waiting").hidden = false;
  tell("film-error");
  try {
    const made = URL.createObjectURL(await (await get("media/film")).blob());
    if (!mine()) return URL.revokeObjectURL(made);
    film = made;
    $("film").src = film;
    await new Promise((ready, failed) => { $("film").onloadeddata = ready; $("film").onerror = () => failed(new Error("the browser can't play this film")); });
    if (!mine()) return;
    $("film").currentTime = (shown + 0.5) * step();
    $("film").hidden = false;
  } catch (error) { if (mine()) tell("film-error", error); }
  finally { if (mine()) $("film-waiting").hidden = true; }
}

export async function play() {
  if (!clip?.pictures) return;
  if (!$("film").paused) return stop();
  if (!film) await load();
  if (!film) return;
  $("film").playbackRate = Number($("speed").value);
  await $("film").play().catch(error => tell("film-error", error));
  $("play").textContent = "❚❚";
  requestAnimationFrame(follow);
}

export function stop() { $("film").pause(); $("play").textContent = "▶"; }

function follow() {
  if ($("film").paused || !clip) return;
  const index = Math.min(last(), Math.floor($("film").currentTime / step()));
  if (index !== shown) { shown = index; draw(); }
  requestAnimationFrame(follow);
}

$("play").onclick = play;
$("screen").onclick = play;
$("back").onclick = () => move(-1);
$("forward").onclick = () => move(1);
$("annotated").onclick = toMoment;
$("boxes").onchange = () => clip && draw();
$("speed").onchange = () => { $("film").playbackRate = Number($("speed").value); };
