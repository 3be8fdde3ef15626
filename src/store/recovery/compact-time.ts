/** Formats a time (UTC ms) to the second for use in file names: 20261124T131415Z. */
export function compactTime(ms: number): string {
  return new Date(ms).toISOString().replaceAll(/[-:]|\.\d+/g, '')
}
