// The clips that were searched for, as a strip; a part of them at a time.
import { $, address, clock, json, latest, make, state, tell } from "./shared.js";

const PART = 60;
let found = { total: 0, first: 0, at: -1, clips: [], reason: "" }, open = () => {};
const newest = latest();
export const whenOpened = listener => { open = listener; };

const searched = () => ({ case: state.case, kind: state.kind, answer: state.answer, show: state.show });

// Search anew; `first` names the part, without it the part around the clip that is shown.
export async function search(first = "") {
  const mine = newest();
  $("count").textContent = "searching…";
  try {
    const answer = await json("api/clips", { ...searched(), first, count: PART });
    if (!mine()) return null;
    found = answer;
    tell("search-error");
    show();
    return found;
  } catch (error) {
    if (mine()) { tell("search-error", error); $("count").textContent = ""; }
    return null;
  }
}

function show() {
  const { total, first, clips } = found;
  const more = (text, place) => make("li", {}, make("button", { type: "button", className: "more", onclick: () => search(place) }, text));
  $("strip").replaceChildren(
    ...(first ? [more(`‹ ${first} before`, Math.max(0, first - PART))] : []),
    ...clips.map(tile),
    ...(first + clips.length < total ? [more(`${total - first - clips.length} more ›`, first + clips.length)] : []));
  mark();
}

function tile(clip) {
  const asked = ["a", "b"].filter(who => clip[who].right + clip[who].wrong);
  const tallies = asked.map(who => `${who.toUpperCase()} ${clip[who].right} of ${clip[who].right + clip[who].wrong}`);
  const when = `${clock(clip.start_s)} – ${clock(clip.end_s)}`;
  const phases = clip.phases.map(one => one.label).join(" → ");
  const button = make("button", { type: "button", title: `${clip.case}, ${when}, ${phases}`, onclick: () => open(clip.clip) },
    clip.pictures ? make("img", { src: address("media/frame", { clip: clip.clip }), loading: "lazy", alt: "" }) : make("span", { className: "blank" }, "no picture"),
    make("span", { className: "whose" }, clip.case), make("span", {}, when), make("span", {}, phases),
    ...(asked.length ? [make("span", { className: "tally", title: "questions of this clip that were answered right, of those answered" }, `right: ${tallies.join(", ")}`)] : []));
  button.dataset.clip = clip.clip;
  return make("li", {}, button);
}

// Outline the clip that is shown, and count.
export function mark() {
  const place = found.clips.findIndex(clip => clip.clip === state.clip);
  for (const button of $("strip").querySelectorAll("[data-clip]")) {
    if (button.dataset.clip === state.clip) {
      button.setAttribute("aria-current", "true");
      const strip = $("strip"); // never the page itself, which would jump on a phone
      const left = button.offsetLeft - strip.offsetLeft;
      if (left < strip.scrollLeft || left + button.offsetWidth > strip.scrollLeft + strip.clientWidth) strip.scrollLeft = left - strip.clientWidth / 3;
    } else button.removeAttribute("aria-current");
  }
  const { total, first } = found;
  $("count").textContent = total === 0 ? found.reason : place < 0 ? `${total} clips` : `clip ${first + place + 1} of ${total}`;
}

// Whether the shown part has the clip.
export const holds = clip => found.clips.some(one => one.clip === clip);

// The clip before or after, also from one part to the next.
export async function neighbour(by) {
  const place = found.clips.findIndex(clip => clip.clip === state.clip);
  if (place < 0) { const near = found.clips[0]; return near && open(near.clip); }
  const next = found.first + place + by;
  if (next < 0 || next >= found.total) return;
  if (!found.clips[place + by] && !(await search(Math.max(0, next - Math.floor(PART / 2))))) return;
  open(found.clips[next - found.first].clip);
}
