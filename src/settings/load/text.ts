import { isUtf8 } from 'node:buffer'

const LINE_FEED = 0x0a

/** The text of a file. @throws Error that names the first line that is not UTF-8 */
export function textOf(bytes: Buffer): string {
  if (isUtf8(bytes)) return bytes.toString('utf8')
  let start = 0
  for (let line = 1; ; line++) {
    const feed = bytes.indexOf(LINE_FEED, start)
    const end = feed === -1 ? bytes.length : feed
    if (feed === -1 || !isUtf8(bytes.subarray(start, end))) throw new Error(`line ${line} is not UTF-8`)
    start = end + 1
  }
}
