// The models that are served and what their versions are doing, asked again every two seconds.

import { element } from "./elements.js";
import { format, NEWEST } from "./route.js";

const AVAILABLE = "AVAILABLE";
const MOST_ENDED = 2;

/** Returns the number of the version that a route asks for, or else a sentence why there is none. */
export function available(models, { model: name, version: wanted }) {
  const model = models.find((each) => each.name === name);
  if (!model) return { why: name ? `No model named “${name}” is served here.` : "No model is served here." };
  const number = wanted === NEWEST ? newest(model) : wanted;
  if (number === undefined) return { why: `No version of “${name}” answers yet.` };
  const state = model.versions.find((each) => each.version === number)?.state;
  if (state === AVAILABLE) return { number };
  const reason = state ? `its state is ${state}` : "the server never saw it";
  return { why: `Version ${number} of “${name}” does not answer: ${reason}.` };
}

/** Fills a list with models; what is chosen is marked, and what had the focus keeps it. */
export function show(list, models, route) {
  const focused = list.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
  list.replaceChildren(...models.map((model) => item(model, route)));
  if (focused) [...list.querySelectorAll("a")].find((each) => each.getAttribute("href") === focused)?.focus();
}

/** Returns a state as a word with a sign; the sign alone would be lost on many. */
export function pill(state) {
  return element("span", { class: `pill ${state.toLowerCase()}` }, state.toLowerCase());
}

function item(model, route) {
  const isChosen = model.name === route.model;
  const link = { href: format({ model: model.name }), "aria-current": isChosen && "true" };
  // What ended long ago is of no use, but why a version failed is.
  const ended = model.versions.filter((each) => each.state === "END" && !each.error);
  const listed = model.versions.filter((each) => !ended.includes(each) || ended.indexOf(each) < MOST_ENDED);
  return element(
    "li",
    {},
    element("a", { class: "model", ...link }, model.name),
    element("ul", { class: "versions" }, ...listed.map((each) => versionItem(model, each, isChosen && route.version))),
    model.versions.length ? null : element("p", { class: "hint" }, "No version was found yet."),
  );
}

function versionItem(model, { version, state, error }, chosen) {
  const isAsked = chosen === version || (chosen === NEWEST && version === newest(model));
  const link = { href: format({ model: model.name, version }), "aria-current": isAsked && "true" };
  return element(
    "li",
    {},
    state === AVAILABLE ? element("a", link, `version ${version}`) : element("span", {}, `version ${version}`),
    pill(state),
    error ? element("p", { class: "failure" }, error) : null,
  );
}

function newest(model) {
  return model.versions.find((each) => each.state === AVAILABLE)?.version;
}
