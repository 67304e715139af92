// What a recommender answered, and what else there is to see of a version.

import { element, shown } from "./elements.js";

// Beyond that a browser only gets slow.
const MOST_SHOWN = 1000;

/**
 * Returns the recommended candidates of an answer, best first, without fillings.
 * @returns {Array<{candidateId: string, score: number}>}
 */
export function candidatesOf(prediction) {
  const { candidate_ids: ids, scores, valid } = prediction;
  const all = ids.map((candidateId, place) => ({ candidateId, score: scores[place], isValid: valid?.[place] ?? candidateId !== "" }));
  return all.filter((each) => each.isValid);
}

/**
 * Returns a ranked list.
 * @param {Array} candidates from `candidatesOf`.
 * @param {Titles} titles
 * @param {?function(string): string} address of a candidate's neighbours; null without that signature.
 * @param {?function(string)} exclude called with an id; null where nothing can be excluded.
 */
export function ranking(candidates, titles, address, exclude) {
  const highest = Math.max(...candidates.slice(0, 1).map((each) => each.score), 0);
  const rows = candidates.slice(0, MOST_SHOWN).map(({ candidateId, score }) => {
    const title = titles.title(candidateId);
    const bar = element("span", { class: "bar", "aria-hidden": "true" });
    bar.style.setProperty("--share", highest > 0 ? String(Math.max(0, score / highest)) : "0");
    return element(
      "li",
      {},
      element("div", { class: "candidate" }, named(candidateId, title, address), details(candidateId, title, titles)),
      element("div", { class: "score", title: "Score" }, score.toFixed(4), bar),
      exclude &&
        element(
          "button",
          { type: "button", class: "quiet", "aria-label": `Exclude ${title}`, onclick: () => exclude(candidateId) },
          "Exclude",
        ),
    );
  });
  const left = candidates.length - rows.length;
  return element(
    "div",
    {},
    element("ol", { class: "ranking" }, ...rows),
    left > 0 ? element("p", { class: "hint" }, `The ${left} after these are not shown.`) : null,
  );
}

/** Returns what a query chose, newest first. */
export function chosen(candidateIds, titles, address) {
  const rows = [...candidateIds].reverse().map((each) => element("li", {}, named(each, titles.title(each), address)));
  return element(
    "details",
    { class: "history", open: rows.length <= 10 },
    element("summary", {}, `History, newest first (${rows.length})`),
    element("ol", {}, ...rows),
  );
}

/** Returns the signatures of a version and what its manifest says, opened or closed. */
export function about(version, isOpen) {
  const facts = Object.entries(version.description ?? {}).filter(([, value]) => shown(value) !== "");
  return element(
    "details",
    { class: "about", open: isOpen },
    element("summary", {}, `About version ${version.version}`),
    element("dl", {}, ...facts.flatMap(([name, value]) => [element("dt", {}, name.replaceAll("_", " ")), element("dd", {}, fact(name, value))])),
    element("ul", { class: "signatures" }, ...Object.entries(version.signatures).map(signature)),
  );
}

function named(candidateId, title, address) {
  return address
    ? element("a", { href: address(candidateId), "data-candidate": candidateId }, title)
    : element("span", {}, title);
}

function details(candidateId, title, titles) {
  const others = titles.others(candidateId).map(shown).filter((each) => each !== "");
  const id = title === candidateId ? null : element("code", {}, candidateId);
  return element("p", { class: "details" }, id, others.length ? element("span", {}, others.join(" · ")) : null);
}

function fact(name, value) {
  if (!name.endsWith("_microseconds")) return shown(value);
  return value.map((each) => new Date(each / 1000).toISOString().slice(0, 10)).join(" to ");
}

function signature([name, { inputs, outputs }]) {
  const list = (names) => names.join(", ") || "nothing";
  return element(
    "li",
    {},
    element("code", { class: "name" }, name),
    element("span", {}, ` ${list(inputs.map((each) => each.name))} → ${list(outputs)}`),
  );
}
