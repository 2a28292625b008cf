// Questions about the clip, who answers them, and the answers. Only the card of who is asked shows that it waits.
import { $, get, json, latest, make, state, tell } from "./shared.js";
import { boxed, pointAt, toEvidence } from "./player.js";

const WHO = ["a", "b"];
let questions = [], files = [], answerers = [], own = true, lastClip = null, recorder = null, recording = null, answered = () => {};
const newest = latest(), asks = { a: latest(), b: latest() }; // of questions, and of what each was asked
export const whenAnswered = listener => { answered = listener; };
export const setAnswerers = (onDisk, all) => { files = onDisk; answerers = all; };

const name = who => state[who];

export function showQuestions(lines) {
  questions = lines;
  const shown = lines.filter(one => !state.kind || one.kind === state.kind);
  $("questions").replaceChildren(...shown.map(one => {
    const button = make("button", { type: "button", onclick: () => choose(one.question) }, make("span", {}, one.question), make("small", {}, one.words));
    for (const who of WHO) if (one[who] !== null) button.append(make("span", { className: `verdict ${one[who] ? "right" : "wrong"}`, title: `${who.toUpperCase()} is ${one[who] ? "right" : "wrong"}` }, `${who.toUpperCase()} ${one[who] ? "✓" : "✗"}`));
    button.dataset.question = one.question;
    return make("li", {}, button);
  }));
  // A question of one's own belongs to the clip it was asked of; a link brings its own along.
  const same = lastClip === null || lastClip === state.clip;
  const kept = shown.some(one => one.question === state.question) || (own && same && state.question);
  lastClip = state.clip;
  const first = shown.find(one => boxed(one.evidence_s) !== undefined) ?? shown[0];
  choose(kept ? state.question : first?.question || "");
}

export function move(by) {
  const shown = [...$("questions").querySelectorAll("button")];
  if (!shown.length) return;
  const at = shown.findIndex(button => button.dataset.question === state.question);
  choose(shown[(at + by + shown.length) % shown.length].dataset.question);
}

export async function choose(question) {
  state.question = question;
  const line = questions.find(one => one.question === question);
  own = !line;
  if (line) toEvidence(line.evidence_s);
  $("question").value = question;
  for (const button of $("questions").querySelectorAll("button")) {
    if (button.dataset.question === question) { button.setAttribute("aria-current", "true"); button.scrollIntoView({ block: "nearest" }); }
    else button.removeAttribute("aria-current");
  }
  answered();
  tell("ask-error"); $("ask-note").hidden = true;
  await known(newest());
}

// What is known before anybody is asked: the truth, a blind guess, answers on disk.
async function known(mine) {
  const quiet = {};
  for (const who of WHO) { pointAt(who, []); card(who, null); quiet[who] = asks[who](); }
  if (!state.question || !state.clip) return facts({ truth: null, blind: null });
  try {
    const found = await json("api/known", { question: state.question });
    if (!mine()) return;
    facts(found);
    for (const who of WHO) if (quiet[who]()) card(who, found[who]); // nobody has asked meanwhile
  } catch (error) { if (mine()) tell("ask-error", error); }
}

function facts({ truth, blind, blind_note: note }) {
  $("truth").textContent = truth ?? "your own question: nobody annotated it";
  $("blind").textContent = blind ?? "nothing to guess from";
  $("blind-note").textContent = blind ? note ?? "" : "";
}

function card(who, answer, waits = "") {
  const place = $(`card-${who}`);
  place.hidden = !name(who);
  place.classList.toggle("waits", Boolean(waits));
  const verdict = answer?.right == null || waits ? [] : [make("b", { className: answer.right ? "right" : "wrong" }, answer.right ? "✓ right" : "✗ wrong"), " "];
  const parts = [make("h2", {}, ...verdict, `${who.toUpperCase()} · ${name(who)}`)];
  if (waits) parts.push(make("p", {}, waits));
  else if (!answer) parts.push(make("p", { className: "note" }, files.includes(name(who)) ? "no answer in this file" : "not asked yet"));
  else if (answer.error) parts.push(make("p", { className: "error" }, answer.error));
  else {
    const facts = [answer.seconds != null ? `${answer.seconds.toFixed(2)} s` : "", answer.confidence != null ? `${Math.round(100 * answer.confidence)} % sure` : ""].filter(Boolean).join(" · ");
    parts.push(make("p", {}, answer.text || "(said nothing)"), make("small", {}, facts));
  }
  place.replaceChildren(...parts);
  if (answer && !waits) pointAt(who, answer.marks);
}

// Ask everybody who is chosen; each answer comes as soon as it is there.
async function askAll(send) {
  tell("ask-error"); $("ask-note").hidden = true;
  const asked = WHO.filter(name);
  if (!asked.length) return tell("ask-error", answerers.length
    ? "Nobody is chosen to answer: choose a model as A or B."
    : `This app was started without a model, so nobody can answer. Stop it with Ctrl-C and start it with one: surgvqa-eval demo --data ${state.data} --model MODEL, or with answers that it has given: --predictions FILE.`);
  if (matchMedia("(max-width: 1100px)").matches) $("cards").scrollIntoView({ block: "nearest" }); // there the cards lie below the fold
  const began = performance.now();
  await Promise.all(asked.map(async who => {
    const mine = asks[who]();
    card(who, null, "asking…");
    const wait = setInterval(() => { if (mine()) $(`card-${who}`).querySelector("p").textContent = `asking… ${Math.round((performance.now() - began) / 1000)} s`; }, 1000);
    let answer;
    try { answer = await send(name(who)); }
    catch (error) { answer = { error: error.message, marks: [] }; }
    finally { clearInterval(wait); }
    if (mine()) { card(who, answer); verdict(who, answer.right); }
  }));
}

// The list of questions learns of an answer at once.
function verdict(who, right) {
  const line = questions.find(one => one.question === state.question);
  if (right == null || !line || line[who] === right) return;
  line[who] = right;
  const place = [...$("questions").querySelectorAll("button")].find(button => button.dataset.question === state.question);
  if (!place) return;
  place.querySelectorAll(".verdict").forEach(old => old.remove());
  for (const one of WHO) if (line[one] !== null) place.append(make("span", { className: `verdict ${line[one] ? "right" : "wrong"}` }, `${one.toUpperCase()} ${line[one] ? "✓" : "✗"}`));
}

export async function ask() {
  const question = $("question").value.trim();
  if (!question) return tell("ask-error", "There is no question: choose one, type one, or speak.");
  if (question !== state.question) await choose(question);
  const body = JSON.stringify({ question });
  await askAll(answerer => json("api/ask", { answerer }, { method: "POST", body }));
}

$("form").onsubmit = event => { event.preventDefault(); ask(); };
for (const who of WHO) $(who).onchange = () => { state[who] = $(who).value; answered(true); };

// ---- by voice
$("speak").onclick = () => { $("voice").hidden = !$("voice").hidden; $("speak").ariaExpanded = String(!$("voice").hidden); };

function keep(blob) {
  recording = blob;
  $("recording").src = blob ? URL.createObjectURL(blob) : "";
  $("recording").hidden = !blob;
  tell("ask-error");
}
$("upload").onchange = () => keep($("upload").files[0] || null);

const WHY = { NotAllowedError: "not allowed: allow it in the browser's address bar", NotFoundError: "not there", NotReadableError: "in use elsewhere" };

$("record").onclick = async () => {
  if (recorder) return recorder.stop();
  tell("ask-error");
  let stream;
  try {
    if (!navigator.mediaDevices) throw Object.assign(new Error("closed: browsers open it for https and this machine alone"), { name: "" });
    stream = await navigator.mediaDevices.getUserMedia({ audio: true });
  } catch (error) { return tell("ask-error", `The microphone is ${WHY[error.name] || error.message}; or upload a recording, or type the question.`); }
  const parts = [];
  recorder = new MediaRecorder(stream);
  recorder.ondataavailable = event => parts.push(event.data);
  recorder.onstop = () => {
    stream.getTracks().forEach(track => track.stop());
    keep(new Blob(parts, { type: recorder.mimeType }));
    recorder = null;
    $("record").classList.remove("on"); $("record").textContent = "Record";
  };
  recorder.start();
  $("record").classList.add("on"); $("record").textContent = "Stop";
};

$("aloud").onclick = () => {
  if (!recording) return tell("ask-error", "Nothing was recorded: allow the microphone, or upload a recording.");
  newest(); // what is known of the question in the field has nothing to do with it
  facts({ truth: null, blind: null });
  askAll(answerer => json("api/ask-aloud", { answerer }, { method: "POST", body: recording }));
};

$("hear").onclick = async () => {
  if (!recording) return tell("ask-error", "Nothing was recorded: allow the microphone, or upload a recording.");
  $("hear").disabled = true; $("hear").textContent = "Listening…";
  try {
    const heard = await (await get("api/hear", {}, { method: "POST", body: recording })).json();
    await choose(heard.text);
    $("ask-note").textContent = heard.note; $("ask-note").hidden = !heard.note;
  } catch (error) { tell("ask-error", error); }
  finally { $("hear").disabled = false; $("hear").textContent = "Write it down first"; }
};
