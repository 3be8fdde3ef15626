/**
 * Compiles a pattern such as `device/metric`; `*` matches any number of characters except `/`. Names come from devices,
 * so matching must take time in proportion to the name, whatever the pattern (a regular expression with several stars
 * does not).
 */
export function pattern(text: string): (name: string) => boolean {
  const levels = text.split('/').map((level) => level.split('*'))
  return (name) => {
    const parts = name.split('/')
    return parts.length === levels.length && levels.every((pieces, i) => levelMatches(pieces, parts[i]!))
  }
}

/** @param pieces the texts between the stars, at least one */
function levelMatches(pieces: readonly string[], part: string): boolean {
  const first = pieces[0]!
  const last = pieces.at(-1)!
  if (pieces.length === 1) return part === first
  if (!part.startsWith(first) || !part.endsWith(last)) return false
  let from = first.length
  for (const piece of pieces.slice(1, -1)) {
    const found = part.indexOf(piece, from)
    if (found < 0) return false
    from = found + piece.length
  }
  return from <= part.length - last.length
}
