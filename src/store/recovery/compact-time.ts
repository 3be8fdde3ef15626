/** 20261124T131415Z: UTC to the second, fit for the name of a file. */
export function compactTime(ms: number): string {
  return new Date(ms).toISOString().replaceAll(/[-:]|\.\d+/g, '')
}
