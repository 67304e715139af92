// From what people type into a form to the inputs of a signature.

/** What was typed is no value of its input. */
export class InputError extends Error {}

/**
 * Returns one instance of a predict request; what is empty is left out where it may be.
 * @param {Array} inputs of the signature: name, role, kind, is_list, may_be_left_out.
 * @param {URLSearchParams} values what the form holds.
 * @param {?number} k of the export, for a signature that has to be told.
 */
export function instance(inputs, values, k) {
  const entries = inputs.map((input) => [input.name, value(input, values) ?? (input.may_be_left_out ? undefined : empty(input, k))]);
  return Object.fromEntries(entries.filter(([, each]) => each !== undefined));
}

/** Returns the entries of a list as typed: one for each line, or in one line with commas between them. */
export function entries(text) {
  const parts = text.includes("\n") ? text.split("\n") : text.split(",").map((each) => each.trim());
  return parts.map((each) => each.replace(/\r$/, "")).filter((each) => each !== "");
}

function value(input, values) {
  if (input.role === "exclude") return unlessEmpty(values.getAll(input.name));
  const text = values.get(input.name) ?? "";
  if (input.is_list) return unlessEmpty(entries(text).map((each) => scalar(input, each)));
  if (text !== "") return scalar(input, text);
  // Clients ask for now unless told otherwise.
  return input.role === "moment" ? Date.now() * 1000 : undefined;
}

/** Returns what an older export, which has no defaults, takes for nothing; undefined where there is no such value. */
function empty(input, k) {
  if (input.is_list) return [];
  if (input.role === "k") return k;
  return input.kind === "text" ? "" : undefined;
}

function unlessEmpty(list) {
  return list.length ? list : undefined;
}

function scalar(input, text) {
  if (input.kind === "text") return text;
  if (input.kind === "boolean") return text === "true";
  const number = Number(text);
  const fits = input.kind === "integer" ? Number.isSafeInteger(number) : Number.isFinite(number);
  if (text.trim() === "" || !fits) {
    const wanted = input.kind === "integer" ? "whole numbers" : "numbers";
    throw new InputError(`${input.name} takes ${wanted}, but has “${text}”.`);
  }
  return number;
}
