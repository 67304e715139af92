// The candidates that are left out of answers: kept in the address, shown above the answer.

import { element } from "./elements.js";

// The input of the signatures that takes them.
export const EXCLUDED = "exclude_candidate_ids";

/** Returns the values of a form with other exclusions. */
export function withExcluded(values, candidateIds) {
  const changed = new URLSearchParams(values);
  changed.delete(EXCLUDED);
  new Set(candidateIds).forEach((each) => changed.append(EXCLUDED, each));
  return changed;
}

/**
 * Shows what is excluded.
 * @param {HTMLElement} place
 * @param {Array<string>} candidateIds
 * @param {Titles} titles
 * @param {function(Array<string>)} keep called with what stays excluded.
 */
export function show(place, candidateIds, titles, keep) {
  place.replaceChildren(...(candidateIds.length ? list(candidateIds, titles, keep) : []));
}

function list(candidateIds, titles, keep) {
  const chips = candidateIds.map((each) => {
    const allow = () => keep(candidateIds.filter((other) => other !== each));
    const label = `Allow ${titles.title(each)} again`;
    return element("li", {}, element("button", { type: "button", "aria-label": label, onclick: allow }, titles.title(each)));
  });
  return [
    element("h3", {}, `Excluded (${candidateIds.length})`),
    element("ul", { class: "chips" }, ...chips),
    element("button", { type: "button", class: "quiet", onclick: () => keep([]) }, "Empty the list"),
  ];
}
