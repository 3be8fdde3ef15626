import { DuplicateFinder } from './duplicates.ts'
import type { Replaced } from './parsed.ts'

const QUOTE = 0x22
const POINT = 0x2e
const [ZERO, COLON] = [0x30, 0x3a]
const BACKSLASH = 0x5c
/** Every integer of fewer digits is exact in a double. */
const INEXACT_DIGITS_MIN = 16
const FRACTION = -1e9

/** What the bytes of JSON show before it is parsed. */
export interface JsonOutline {
  /** Number of members of all objects: colons outside of texts. */
  readonly members: number
  /**
   * Whether a long run of digits occurs before a decimal point, outside of texts: only then the source of every number
   * (1 µs each) is needed.
   */
  readonly hasLongInteger: boolean
}

export function outlineOf(json: Uint8Array): JsonOutline {
  const { length } = json
  let members = 0
  let hasLongInteger = false
  let run = 0
  for (let i = 0; i < length; i++) {
    const byte = json[i]!
    if (byte >= ZERO && byte <= COLON) {
      if (byte === COLON) members++
      else if (++run >= INEXACT_DIGITS_MIN) hasLongInteger = true
    } else if (byte === QUOTE) {
      run = 0
      for (i++; i < length && json[i] !== QUOTE; i++) if (json[i] === BACKSLASH) i++
    } else run = byte === POINT ? FRACTION : 0
  }
  return { members, hasLongInteger }
}

/** The places of the members that a later one of the same name replaces. @param text valid JSON */
export function duplicatesInJson(text: string): Replaced {
  const finder = new DuplicateFinder()
  /** Of the open objects and arrays, whether each is an object. */
  const open: boolean[] = []
  let beforeName = false
  for (let at = 0; at < text.length && !finder.isFull; at++) {
    switch (text[at]) {
      case '{':
      case '[':
        beforeName = text[at] === '{'
        open.push(beforeName)
        finder.open(beforeName)
        if (!beforeName) finder.element()
        break
      case '}':
      case ']':
        open.pop()
        finder.close()
        break
      case ',':
        beforeName = open.at(-1) === true
        if (!beforeName) finder.element()
        break
      case '"': {
        const end = endOfText(text, at)
        if (beforeName) finder.member(JSON.parse(text.slice(at, end)) as string)
        beforeName = false
        at = end - 1
      }
    }
  }
  return finder.replaced
}

function endOfText(json: string, start: number): number {
  let at = start + 1
  while (at < json.length && json[at] !== '"') at += json[at] === '\\' ? 2 : 1
  return at + 1
}
