const CELLS = 24

/** A progress bar in one line, with the percentage; `share` is 0 to 1. */
export function progressBar(share: number): string {
  const full = Math.floor(share * CELLS)
  return `${'█'.repeat(full)}${'░'.repeat(CELLS - full)} ${String(Math.floor(share * 100)).padStart(3)} %`
}

/** A number with thousands separators: 12,345. */
export function countText(count: number): string {
  return count.toLocaleString('en-US')
}

/** A size in the largest unit that fits, in steps of 1,000: 1.2 MB. */
export function sizeText(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  let size = bytes
  let unit = 0
  for (; size >= 999.5 && unit < units.length - 1; unit++) size /= 1_000
  return `${size >= 100 || unit === 0 ? Math.round(size) : size.toFixed(1)} ${units[unit]}`
}
