// Starts the page, keeps its address in step with what is shown, and hears the keys.
import { $, clock, json, latest, make, state, tell } from "./shared.js";
import * as player from "./player.js";
import * as line from "./timeline.js";
import * as strip from "./strip.js";
import * as asking from "./ask.js";

const KEYS = Object.keys(state);
const DEFAULTS = { show: "all" };
const newest = latest();
let shownCase = "", known = null;

const options = (id, values, chosen) => {
  $(id).replaceChildren(...values.map(([value, text]) => make("option", { value, selected: value === chosen }, text)));
  $(id).value = chosen;
};

// While a clip or a list of clips is on its way, the page still describes what was there before.
const busy = on => { document.querySelector("main").ariaBusy = String(on); };

function remember() {
  const words = KEYS.filter(key => state[key] && state[key] !== DEFAULTS[key]).map(key => [key, state[key]]);
  history.replaceState(null, "", words.length ? `?${new URLSearchParams(words)}` : location.pathname);
}

async function start() {
  const link = new URLSearchParams(location.search);
  for (const key of KEYS) state[key] = link.get(key) ?? state[key];
  try {
    const found = await json("api/start");
    asking.setAnswerers(found.files, found.answerers);
    if (!found.data.includes(state.data)) { if (state.data) tell("data-error", `This app wasn't started with a data set ${state.data}; it shows ${found.data[0]}.`); if (state.data) state.clip = ""; state.data = found.data[0]; }
    const [first = "", second = ""] = found.answerers;
    const answer = (key, otherwise) => { if (!found.answerers.includes(state[key]) && !(link.has(key) && !state[key])) state[key] = otherwise; };
    answer("a", first); answer("b", found.files[0] && found.files[0] !== state.a ? found.files[0] : second);
    options("data", found.data.map(one => [one, one]), state.data);
    for (const who of ["a", "b"]) options(who, [["", "nobody"], ...found.answerers.map(one => [one, found.files.includes(one) ? `${one} (answers on disk)` : one])], state[who]);
  } catch (error) { return tell("data-error", error); }
  await openData(state.clip);
}

// Read a data set, then its clips.
async function openData(clip = "") {
  const mine = newest();
  busy(true);
  $("count").textContent = "reading the data set…";
  let found;
  try { found = await json("api/facts", { clip: "" }); }
  catch (error) { if (mine()) { tell("data-error", error); $("count").textContent = ""; busy(false); } return; }
  if (!mine()) return;
  state.split = found.split;
  known = found;
  if (!found.cases.includes(state.case)) state.case = "";
  if (!found.kinds.some(kind => kind.name === state.kind)) state.kind = "";
  options("split", found.splits.map(one => [one, one]), found.split);
  options("case", [["", `all ${found.cases.length}`], ...found.cases.map(one => [one, one])], state.case);
  options("kind", [["", "all kinds"], ...found.kinds.map(one => [one.name, one.words])], state.kind);
  $("answer").value = state.answer; $("show").value = state.show;
  $("open-figures").hidden = !found.figures.length;
  state.clip = clip;
  const listed = await strip.search();
  if (!mine()) return;
  const searching = ["case", "kind", "answer"].some(key => state[key]) || state.show !== DEFAULTS.show;
  const first = (searching ? "" : found.first) || listed?.clips[0]?.clip;
  const gone = clip ? await openClip(clip) : null;
  if (first && (!clip || gone)) await openClip(first, null, gone && first !== clip ? `${gone.message}; this is ${first}.` : "");
  else if (!clip) busy(false);
}

// The phases of a clip in order, each after the first with the second from which it holds.
const phases = ({ phases: parts, start_s: start }) => parts.flatMap(({ label, from_s: from }, at) => [
  ...(at ? [`, from ${clock(from)} `] : from > start ? [`at ${clock(from)} `] : []), make("b", {}, label)]);

// Show a clip; returns the error where that can't be done. The note stands above it.
async function openClip(clip, seconds = null, note = "") {
  const mine = newest();
  busy(true);
  state.clip = clip;
  strip.mark();
  remember();
  try {
    const page = await json("api/clip");
    if (!mine()) return;
    player.showClip(page);
    tell("film-error", note);
    $("about").replaceChildren(...phases(page), ` · ${page.case} · ${clock(page.start_s)} to ${clock(page.end_s)}` + (page.annotated.length ? ` · annotated at ${page.annotated.map(one => clock(one.time_s)).join(", ")}` : " · nothing is annotated in this clip"));
    asking.showQuestions(page.questions);
    if (seconds !== null) player.gotoSecond(seconds);
    if (shownCase !== `${state.data} ${page.split} ${page.case}`) { shownCase = ""; $("timeline").replaceChildren(); }
    const found = await json("api/case");
    if (!mine()) return;
    line.showLine(found, page);
    shownCase = `${state.data} ${page.split} ${page.case}`;
    player.goto(player.place());
  } catch (error) {
    if (!mine()) return null;
    tell("film-error", error);
    busy(false);
    return error;
  }
  if (mine() && !strip.holds(clip)) { await strip.search(); }
  if (mine()) busy(false);
  return null;
}

player.whenTimeChanges(line.moveCursor);
strip.whenOpened(openClip);
line.whenChosen(async (clip, seconds) => {
  try { openClip(clip ?? (await json("api/at", { seconds })).clip, seconds); }
  catch (error) { tell("film-error", error); }
});
asking.whenAnswered(others => {
  remember();
  if (others) { strip.search(); openClip(state.clip); }
});

$("data").onchange = () => { state.data = $("data").value; state.split = ""; tell("data-error"); openData(); };
$("split").onchange = () => { state.split = $("split").value; openData(); };
const searches = latest();
async function searchAgain() {
  const mine = searches();
  for (const key of ["case", "kind", "show"]) state[key] = $(key).value;
  state.answer = $("answer").value.trim();
  remember();
  busy(true);
  const found = await strip.search();
  if (found?.clips.length) openClip(found.at < 0 ? found.clips[0].clip : state.clip);
  else if (mine()) busy(false);
}
for (const key of ["case", "kind", "show"]) $(key).onchange = searchAgain;
let typing = 0;
$("answer").oninput = () => { clearTimeout(typing); typing = setTimeout(searchAgain, 250); };
$("search").onsubmit = event => { event.preventDefault(); searchAgain(); };
$("previous").onclick = () => strip.neighbour(-1);
$("next").onclick = () => strip.neighbour(1);
$("open-help").onclick = () => $("help").showModal();
$("open-figures").onclick = () => {
  $("figures-title").textContent = known.title;
  const columns = ["questions", "right", "majority", "best"].filter(name => known.figures.some(one => one[name] !== "–"));
  const heads = { questions: ["questions", ""], right: ["right", ""], majority: ["majority", "says the most frequent training answer of the kind"], best: ["best blind", "the best of three that never look: majority, text, words"] };
  $("figures").querySelector("thead tr").replaceChildren(make("th", {}, "kind"), ...columns.map(name => make("th", { title: heads[name][1] }, heads[name][0])));
  $("figures").querySelector("tbody").replaceChildren(...known.figures.map(one => make("tr", { title: one.note }, make("th", {}, one.kind + (one.note ? " *" : "")), ...columns.map(name => make("td", {}, one[name])))));
  $("figures-note").textContent = [
    columns.includes("majority") ? "majority says the most frequent training answer of the kind" : "",
    columns.includes("best") ? "best blind is the best of three that never look: majority, text (of the very question), words (a classifier)" : "",
    known.figures.some(one => one.note) ? "* every answer is the same, so nothing is measured" : "",
  ].filter(Boolean).join("; ");
  $("figures").showModal();
  $("figures").scrollTop = 0; // the dialog opens with its focus on the button at its end
};

const ACTIONS = {
  "?": () => $("help").showModal(), " ": player.play, ArrowLeft: () => player.move(-1), ArrowRight: () => player.move(1),
  p: () => strip.neighbour(-1), n: () => strip.neighbour(1), m: player.toMoment, b: () => $("boxes").click(),
  ArrowUp: () => asking.move(-1), ArrowDown: () => asking.move(1), q: () => $("question").select(), "/": () => $("answer").select(), Enter: asking.ask,
};
document.addEventListener("keydown", event => {
  const field = event.target.closest("input:not([type=checkbox]), select, textarea, audio");
  if (event.key === "Escape" && field) return field.blur();
  if (field || document.querySelector("dialog[open]") || event.ctrlKey || event.metaKey || event.altKey) return;
  if ([" ", "Enter"].includes(event.key) && event.target.closest("button, input")) return;
  const action = ACTIONS[event.key];
  if (!action) return;
  event.preventDefault();
  action();
});

start();
