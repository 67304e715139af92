// What the page shows for a route: a title, a sentence and elements. Nothing here changes the page.

import { about, chosen, ranking } from "./answer.js";
import { EXCLUDED } from "./exclusions.js";
import { KEEP_KNOWN } from "./form.js";
import { historyOf } from "./history.js";
import { instance } from "./inputs.js";
import { format } from "./route.js";

/**
 * Returns what is to be shown.
 * @param {Version} version
 * @param {Object} route
 * @param {boolean} hasHistories whether the server has a file of histories.
 * @param {function(string)} exclude called with the id of a candidate that is to be left out from now on.
 * @returns {{title: string, text: string, content: Array<Node>, history: ?Array<string>}}
 */
export async function viewOf(version, route, hasHistories, exclude) {
  const shown = { content: [], history: null, ...(await madeFor(version, route, hasHistories, exclude)) };
  return { ...shown, content: [...shown.content, about(version, !shown.content.length)] };
}

function madeFor(version, route, hasHistories, exclude) {
  if (!version.recommends) return { title: "Nothing to explore", text: "No signature of this model answers candidate ids." };
  if (route.view === "similar" && version.neighbours) return neighbours(version, route, exclude);
  if (route.view === "recommend") return recommendations(version, route, hasHistories, exclude);
  return { title: "Ask for recommendations", text: "Type a query id or features, then press Enter." };
}

async function recommendations(version, route, hasHistories, exclude) {
  const { values } = route;
  const signature = version.recommends;
  const given = instance(version.inputs(signature), values, version.description?.k);
  const history = version.input(signature, "history") ? await historyOf(values, hasHistories) : { ids: [], note: "" };
  if (history.ids.length) given.history = history.ids;
  if (history.moments?.length && version.input(signature, "history_timestamps")) given.history_timestamps = history.moments;
  const mayExclude = version.input(signature, "exclude");
  if (mayExclude && history.ids.length && values.get(KEEP_KNOWN) !== "false") {
    given[EXCLUDED] = [...new Set([...(given[EXCLUDED] ?? []), ...history.ids])];
  }
  const { candidates, milliseconds } = await version.predict(signature, given);
  const complaint = await version.loadTitles([...history.ids, ...values.getAll(EXCLUDED), ...idsOf(candidates)]);
  const address = neighboursAddress(version, route);
  return {
    title: given.query_id ? `For query ${given.query_id}` : "For these features",
    text: sentences(summary(version, candidates, milliseconds), history.note, complaint),
    content: [
      ...(history.ids.length ? [chosen(history.ids, version.titles, address)] : []),
      ranking(candidates, version.titles, address, mayExclude ? exclude : null),
    ],
    history: history.ids,
  };
}

async function neighbours(version, route, exclude) {
  const signature = version.neighbours;
  const candidateId = route.values.get("candidate_id") ?? "";
  const given = instance(version.inputs(signature), route.values, version.description?.k);
  const { candidates, milliseconds } = await version.predict(signature, given);
  const complaint = await version.loadTitles([candidateId, ...route.values.getAll(EXCLUDED), ...idsOf(candidates)]);
  const mayExclude = version.input(signature, "exclude");
  const none = `Candidate ${candidateId} is not in the corpus of version ${version.version}, or all others are left out.`;
  return {
    title: `Neighbours of ${version.titles.title(candidateId)}`,
    text: sentences(candidates.length ? summary(version, candidates, milliseconds) : none, complaint),
    content: [ranking(candidates, version.titles, neighboursAddress(version, route), mayExclude ? exclude : null)],
  };
}

/** Returns what gives a candidate the address of its neighbours, restricted as in the route; null without any. */
function neighboursAddress(version, route) {
  if (!version.neighbours) return null;
  // What the query is stays in the address, and so in the form.
  return (candidateId) => {
    const values = new URLSearchParams(route.values);
    values.set("candidate_id", candidateId);
    return format({ ...route, view: "similar", values });
  };
}

function idsOf(candidates) {
  return candidates.map((each) => each.candidateId);
}

function summary(version, candidates, milliseconds) {
  const counted = candidates.length === 1 ? "1 candidate" : `${candidates.length} candidates`;
  return `${counted} in ${milliseconds.toFixed(1)} ms from version ${version.version}.`;
}

function sentences(...all) {
  return all.filter((each) => each).join(" ");
}
