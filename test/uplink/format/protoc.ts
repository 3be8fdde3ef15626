import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { peers } from '../../../support/peers.ts'

const FOLDER = import.meta.dirname
/** Field 1, with its length before it. */
const PAYLOADS_TAG = 0x0a

export type Field = string | number | boolean | Fields
/** Every field of a message, in the order of the message. */
export interface Fields {
  readonly [name: string]: readonly Field[]
}

function protoc(mode: 'encode' | 'decode', type: string, input: string | Uint8Array): Buffer {
  if (peers.protoc === undefined) throw new Error('protoc is not installed')
  const args = [`--${mode}=sparkplug.${type}`, `-I${FOLDER}`, join(FOLDER, 'sparkplug.proto')]
  return execFileSync(peers.protoc, args, { input, maxBuffer: 64_000_000 })
}

/** Payloads as Google's protoc reads them. @throws when it cannot */
export function decodePayloads(payloads: readonly Uint8Array[]): Fields[] {
  const recording = payloads.flatMap((payload) => [Uint8Array.from([PAYLOADS_TAG, ...varint(payload.length)]), payload])
  const text = protoc('decode', 'Recording', Buffer.concat(recording)).toString()
  return (parseText(text.split('\n')).payloads ?? []) as Fields[]
}

/** A payload that protoc encodes from its text format. */
export function encodePayload(text: string): Buffer {
  return protoc('encode', 'Payload', text)
}

function varint(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >>> 7)]
}

/** Reads lines up to the brace that closes this message, and removes them. */
function parseText(lines: string[]): Fields {
  const fields: Record<string, Field[]> = {}
  for (let line = lines.shift(); line !== undefined && line.trim() !== '}'; line = lines.shift()) {
    const [, name, colon, rest] = /^\s*(\w+)(:?) (.*)$/.exec(line) ?? []
    if (name === undefined) continue
    fields[name] ??= []
    fields[name].push(colon === ':' ? scalar(rest!) : parseText(lines))
  }
  return fields
}

function scalar(text: string): string | number | boolean {
  if (text.startsWith('"')) return unescaped(text.slice(1, -1))
  if (text === 'true' || text === 'false') return text === 'true'
  return text.endsWith('inf') ? Number(text.replace('inf', 'Infinity')) : Number(text)
}

const NAMED: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t' }

/** Decodes C escapes; the characters of the result are the bytes. */
function unescaped(text: string): string {
  return text.replace(/\\([0-7]{1,3}|.)/g, (_, code: string) =>
    /^[0-7]/.test(code) ? String.fromCharCode(Number.parseInt(code, 8)) : (NAMED[code] ?? code),
  )
}
