// The page: what its address asks for is asked of the server and shown; the models are looked at every two seconds.

import { say } from "./elements.js";
import * as exclusions from "./exclusions.js";
import * as form from "./form.js";
import { someQueryIds } from "./history.js";
import { InputError } from "./inputs.js";
import * as models from "./models.js";
import * as places from "./places.js";
import * as routes from "./route.js";
import { ask, ServerError } from "./server.js";
import { Version } from "./version.js";
import { viewOf } from "./views.js";

const POLL_MILLISECONDS = 2000;
const part = (id) => document.getElementById(id);

let listed = { models: [], has_histories: false };
let version = null;
let numAsked = 0;
let isAskedByForm = false;

async function poll() {
  const before = listed;
  try {
    listed = (await ask("explorer/models")).answer;
    say(part("outage"));
  } catch (error) {
    say(part("outage"), `${sentence(error)} This page asks again every two seconds.`);
  }
  if (JSON.stringify(listed) !== JSON.stringify(before)) await showChange();
  setTimeout(poll, POLL_MILLISECONDS);
}

/** Shows that versions came or went. An answer stays, and says which version gave it. */
async function showChange() {
  const route = currentRoute();
  const number = models.available(listed.models, route).number;
  if (version === null || version.name !== route.model || number === undefined) {
    await show();
    return;
  }
  showModels(route);
  if (number === version.version) return;
  const before = version;
  try {
    await use(await loaded(route.model, number));
    say(part("status"), `Version ${number} answers now; what is shown here is from version ${before.version}.`);
  } catch (error) {
    say(part("error"), sentence(error));
  }
}

/** Returns the route of the address; without one, that of the first model. */
function currentRoute() {
  const route = routes.parse(location.hash);
  return route.model || !listed.models.length ? route : { ...route, model: listed.models[0].name };
}

/** Asks what the address asks for and shows it, unless something else was asked for meanwhile. */
async function show() {
  const mine = ++numAsked;
  const route = currentRoute();
  part("results").setAttribute("aria-busy", "true");
  say(part("error"));
  showModels(route);
  try {
    const { number, why } = models.available(listed.models, route);
    if (why) throw new ServerError(why, 404);
    const asked = await loaded(route.model, number);
    if (mine !== numAsked) return;
    await use(asked);
    form.write(part("query"), route.values);
    const view = await viewOf(version, route, listed.has_histories, (candidateId) => excludeToo(candidateId));
    if (mine === numAsked) showView(view, route);
  } catch (error) {
    if (mine === numAsked) showError(error, route);
  }
  if (mine === numAsked) part("results").setAttribute("aria-busy", "false");
}

/** Returns a version: the one that is asked already, or a new one. */
async function loaded(model, number) {
  return version?.name === model && version.version === number ? version : Version.load(model, number);
}

/** Makes a version the one that is asked; its form is made anew only if it asks for something else. */
async function use(asked) {
  const before = version;
  version = asked;
  part("asking").hidden = !asked.recommends;
  if (!asked.recommends || asked.asksLike(before)) return;
  form.fill(part("query"), asked.inputs(asked.recommends), asked.description, listed.has_histories);
  if (listed.has_histories) form.suggest(part("query"), await someQueryIds().catch(() => []));
}

function showModels(route) {
  models.show(part("models"), listed.models, route);
  const { number } = models.available(listed.models, route);
  part("serving").replaceChildren(...(number ? [`${route.model} · version ${number}`, models.pill("AVAILABLE")] : []));
}

function showView(view, route) {
  heading(view.title);
  say(part("status"), view.text);
  part("answer").replaceChildren(...view.content);
  part("back").hidden = route.view !== "similar" || !places.hasBack();
  if (view.history) form.showHistory(part("query"), view.history);
  const excluded = route.view ? route.values.getAll(exclusions.EXCLUDED) : [];
  exclusions.show(part("excluded"), excluded, version.titles, keepExcluded);
}

function showError(error, route) {
  const isKnown = version !== null && version.name === route.model;
  part("asking").hidden = !isKnown || !version.recommends;
  heading("No answer");
  part("back").hidden = !places.hasBack();
  say(part("status"));
  part("answer").replaceChildren();
  part("excluded").replaceChildren();
  say(part("error"), sentence(error));
}

function heading(title) {
  part("results-title").textContent = title;
  document.title = `${title} · Explorer`;
}

/** Returns what to say of an error; one that is nobody's but this page's goes on. */
function sentence(error) {
  if (!(error instanceof ServerError) && !(error instanceof InputError)) throw error;
  return error.status === 400 ? `The server refused this: ${error.message}` : error.message;
}

function go(route) {
  const address = routes.format(route);
  // An address that stays the same is asked once more.
  if (address === location.hash) show();
  else location.hash = address;
}

function excludeToo(candidateId) {
  keepExcluded([...currentRoute().values.getAll(exclusions.EXCLUDED), candidateId]);
}

function keepExcluded(candidateIds) {
  const route = currentRoute();
  go({ ...route, values: exclusions.withExcluded(route.values, candidateIds) });
}

part("query").addEventListener("submit", (event) => {
  event.preventDefault();
  isAskedByForm = true;
  const route = currentRoute();
  const values = exclusions.withExcluded(form.read(part("query")), route.values.getAll(exclusions.EXCLUDED));
  go({ ...route, view: "recommend", values });
});
part("answer").addEventListener("click", (event) => {
  const link = event.target.closest("a[data-candidate]");
  if (link) places.leaveBy(link.dataset.candidate);
});
part("back").addEventListener("click", () => history.back());
part("skip").addEventListener("click", (event) => {
  event.preventDefault();
  part("results").focus();
});
addEventListener("hashchange", async () => {
  places.arrive();
  const mayMoveFocus = !isAskedByForm;
  isAskedByForm = false;
  await show();
  if (mayMoveFocus) places.focus(part("answer"), part("results-title"));
  // On a phone the answer is below the form.
  else if (part("results").getBoundingClientRect().top > innerHeight / 2) part("results").scrollIntoView();
});

places.arrive();
poll();
