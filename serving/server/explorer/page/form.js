// The form of a recommender, made from the inputs of its signature.

import { element } from "./elements.js";

const LABELS = {
  query_id: "Query id",
  history: "History",
  history_timestamps: "Moments of the history",
  moment: "Moment",
  use_precomputed: "Precomputed embedding",
  k: "How many",
  allow: "Only these candidates",
};
const PLACEHOLDERS = {
  history: "candidate ids, oldest first",
  history_timestamps: "microseconds since 1970",
  moment: "now, or microseconds since 1970",
  allow: "candidate ids",
};
const LISTS = "Lists have commas between their entries, or one entry per line: Shift+Enter begins a line.";
const RARE = ["history_timestamps", "moment", "use_precomputed", "allow"];
// Names of what goes beside the inputs; no feature is likely to have a dash.
export const FROM_FILE = "history-from";
export const KEEP_KNOWN = "known";

/** Fills a form element with the fields of a signature; `description` may be null. */
export function fill(form, inputs, description, hasHistories) {
  const asked = inputs.filter((input) => input.role !== "exclude" && input.kind !== "other");
  const rare = asked.filter((input) => RARE.includes(input.role));
  const common = asked.filter((input) => !rare.includes(input));
  form.replaceChildren(
    ...common.flatMap((input) => [field(input, description), ...companions(input, inputs, hasHistories)]),
    ...(rare.length ? [more(rare, description)] : []),
    ...(asked.some((input) => input.is_list) ? [element("p", { id: "lists", class: "hint" }, LISTS)] : []),
    element("button", { type: "submit", class: "primary" }, "Recommend"),
  );
}

/** Returns what a form holds; the exclusions are not among its fields. */
export function read(form) {
  const values = new URLSearchParams();
  for (const each of form.elements) {
    if (!each.name || each.readOnly) continue;
    if (each.type === "checkbox" ? each.checked !== each.defaultChecked : each.value !== "") {
      values.append(each.name, each.type === "checkbox" ? String(each.checked) : each.value);
    }
  }
  return values;
}

/** Puts values into a form; what has none is emptied. */
export function write(form, values) {
  const isSameQuery = form.elements.query_id?.value === (values.get("query_id") ?? "");
  for (const each of form.elements) {
    if (!each.name) continue;
    if (each.type === "checkbox") {
      each.checked = values.has(each.name) ? values.get(each.name) === "true" : each.defaultChecked;
    } else if (!each.readOnly || !isSameQuery) {
      each.value = values.get(each.name) ?? "";
      if (each.value) each.closest("details")?.setAttribute("open", "");
    }
  }
  guardHistory(form);
}

/** Shows the history that was asked with, which may come from the server's file. */
export function showHistory(form, candidateIds) {
  const field = form.elements.history;
  if (field.readOnly) field.value = candidateIds.join("\n");
}

/** Offers query ids where one is typed. */
export function suggest(form, queryIds) {
  form.querySelector("datalist")?.replaceChildren(...queryIds.map((value) => element("option", { value })));
}

function field(input, description) {
  const id = `field-${input.name}`;
  const label = input.role === "filter" ? `Only ${input.name.replace(/^filter_/, "")}` : (LABELS[input.role] ?? input.name);
  return element(
    "div",
    { class: `field field-${input.role}` },
    element("label", { for: id, title: input.name }, label),
    control(input, id, description),
  );
}

function control(input, id, description) {
  const attributes = { id, name: input.name, spellcheck: "false" };
  if (input.kind === "boolean") {
    const options = [["", "as the export has it"], ["true", "yes"], ["false", "no"]];
    return element("select", attributes, ...options.map(([value, text]) => element("option", { value }, text)));
  }
  if (input.is_list) {
    const rows = input.role === "history" ? "3" : "1";
    const help = { "aria-describedby": "lists", placeholder: PLACEHOLDERS[input.role] ?? false };
    return element("textarea", { ...attributes, ...help, rows, autocapitalize: "off", onkeydown: submitByEnter });
  }
  const isNumber = input.kind !== "text";
  const placeholder = input.role === "k" && description?.k ? String(description.k) : (PLACEHOLDERS[input.role] ?? false);
  return element("input", {
    ...attributes,
    type: "text",
    inputmode: isNumber ? (input.kind === "integer" ? "numeric" : "decimal") : false,
    list: input.role === "query_id" ? "query-ids" : false,
    autocapitalize: "off",
    placeholder,
  });
}

/** Returns what goes with an input: histories from the server's file, and whether they are left out of the answer. */
function companions(input, inputs, hasHistories) {
  const reads = inputs.some((each) => each.role === "history");
  if (input.role === "query_id") {
    return [
      element("datalist", { id: "query-ids" }),
      ...(hasHistories && reads ? [box(FROM_FILE, "With its history from the server’s file")] : []),
    ];
  }
  if (input.role === "history" && inputs.some((each) => each.role === "exclude")) {
    return [box(KEEP_KNOWN, "Leave out what the history holds")];
  }
  return [];
}

function box(name, text) {
  const input = element("input", { type: "checkbox", name, checked: true, onchange: () => guardHistory(input.form) });
  return element("label", { class: "box" }, input, text);
}

/** A history that comes from the file is not typed. */
function guardHistory(form) {
  const { history } = form.elements;
  if (history) history.readOnly = form.elements[FROM_FILE]?.checked ?? false;
}

/** Enter asks from every field; with Shift it begins a line. */
function submitByEnter(event) {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  event.target.form.requestSubmit();
}

function more(inputs, description) {
  return element(
    "details",
    {},
    element("summary", {}, "More inputs"),
    ...inputs.map((input) => field(input, description)),
  );
}
