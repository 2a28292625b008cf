// What every part of the page uses: elements, the server, what is shown, and times in words.
export const $ = id => document.getElementById(id);

export const state = { data: "", split: "", clip: "", question: "", a: "", b: "", case: "", kind: "", answer: "", show: "all" };

export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === "style") Object.assign(element.style, value);
    else if (name in element) element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children); // texts become text, never HTML
  return element;
}

export function address(path, more = {}) {
  const { data, split, clip, a, b } = state;
  const words = Object.entries({ data, split, clip, a, b, ...more }).filter(([, value]) => value !== "" && value != null);
  return `${path}?${new URLSearchParams(words)}`;
}

export async function get(path, more = {}, options = {}) {
  let answer;
  try { answer = await fetch(address(path, more), options); }
  catch { throw new Error("the app doesn't answer; is it still running in its terminal?"); }
  if (answer.ok) return answer;
  const said = await answer.json().catch(() => ({}));
  throw new Error(said.error || `the app answered with status ${answer.status}`);
}

export const json = async (path, more, options) => (await get(path, more, options)).json();

// Says an error where the action was; without one, takes the last one away.
export function tell(id, error) {
  $(id).textContent = error ? error.message || String(error) : "";
  $(id).hidden = !error;
}

export function clock(seconds) {
  const tenths = Math.round(seconds * 10);
  return `${Math.floor(tenths / 600)}:${String(Math.floor((tenths % 600) / 10)).padStart(2, "0")}.${tenths % 10}`;
}

// Only the latest of several requests counts: an answer that comes late is dropped.
export function latest() {
  let count = 0;
  return () => { const own = ++count; return () => own === count; };
}
