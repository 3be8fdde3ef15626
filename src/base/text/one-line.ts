/**
 * Characters that do not show, or that change how others show: control characters, format characters such as those
 * for the direction of text, line separators, fillers, lone surrogates, and code points without a character.
 */
const UNPRINTABLE = '\\p{Cc}\\p{Cf}\\p{Cn}\\p{Co}\\p{Cs}\\p{Zl}\\p{Zp}\\p{Default_Ignorable_Code_Point}'
const ANY = new RegExp(`[${UNPRINTABLE}]`, 'u')
const ANY_BUT_LINE_FEED = new RegExp(`[[${UNPRINTABLE}]--\\n]`, 'gv')

/**
 * A text from outside (a name, a topic, a client id, a reason) for one line of a log, a table or a problem. Characters
 * that do not show are escaped as in JSON (`\u202e`); a result longer than `charsMax` UTF-16 units is cut and ends
 * with `…`.
 */
export function oneLine(text: string, charsMax: number): string {
  if (text.length <= charsMax && !ANY.test(text)) return text
  let result = ''
  // Where the result can be cut with room for `…`: after a whole character or escape.
  let fits = 0
  for (const char of text.slice(0, charsMax + 1)) {
    result += ANY.test(char) ? escapeOf(char) : char
    if (result.length < charsMax) fits = result.length
    if (result.length > charsMax) break
  }
  return result.length > charsMax ? `${result.slice(0, fits)}…` : result
}

/** A text of one or more lines for a terminal: what does not show is escaped, except line feeds. */
export function printable(text: string): string {
  return text.replace(ANY_BUT_LINE_FEED, escapeOf)
}

/** Like JSON.stringify; characters that do not show are escaped, so that the JSON can be printed. */
export function printableJson(data: unknown, indent?: number): string {
  return printable(JSON.stringify(data, null, indent))
}

function escapeOf(char: string): string {
  let escaped = ''
  for (let i = 0; i < char.length; i++) escaped += `\\u${char.charCodeAt(i).toString(16).padStart(4, '0')}`
  return escaped
}
