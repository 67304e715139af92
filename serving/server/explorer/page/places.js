// Where one is: entries of the browser's history, and what had the focus in each.

let depth = 0;

/** Numbers the current entry, so that it is known whether there is a way back inside this page. */
export function arrive() {
  if (history.state?.depth === undefined) history.replaceState({ depth: depth + 1 }, "");
  depth = history.state.depth;
}

/** Returns whether the entry before this one is this page's too. */
export function hasBack() {
  return depth > 1;
}

/** Remembers, for when one comes back to this entry, the candidate that is followed. */
export function leaveBy(candidateId) {
  history.replaceState({ ...history.state, candidateId }, "");
}

/** Puts the focus on the candidate that was followed from here, otherwise on a heading. */
export function focus(answer, heading) {
  const links = [...answer.querySelectorAll("a[data-candidate]")];
  (links.find((each) => each.dataset.candidate === history.state?.candidateId) ?? heading).focus();
}
