/** Characters of the former run in the name of a run; six of base64url: 36 random bits. */
const FORMER_CHARS = 6
const SEPARATOR = '.'

/**
 * The name of a run: a random word, a dot, and the beginning of the last run of this store of which a receiver confirmed
 * something. A receiver tells by it whether a store was opened again or another store sends under the same name. The dot
 * also says that the edge knows the answer `name-in-use`.
 * @param word a random word without a dot
 * @param former the name of the former run; undefined: there was none
 */
export function nameRun(word: string, former: string | undefined): string {
  return `${word}${SEPARATOR}${former?.slice(0, FORMER_CHARS) ?? ''}`
}

/** Whether the edge of this run pauses an uplink when the receiver answers `name-in-use`; those of version 0.1 do not. */
export function knowsNameInUse(run: string): boolean {
  return run.includes(SEPARATOR)
}

/** Whether `run` is the name of a run that follows `former` in the same store, or in a copy of it. */
export function follows(run: string, former: string): boolean {
  const at = run.indexOf(SEPARATOR)
  return at >= 0 && run.length > at + 1 && run.slice(at + 1) === former.slice(0, FORMER_CHARS)
}
