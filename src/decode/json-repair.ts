/** How programs write a number that is not finite, or no value, where JSON must have a value. */
const NO_VALUE = /^(?:[+-]?(?:nan|inf|infinity)(?:\(\w*\))?|[+-]?1\.#\w+|undefined|none|nil|null)$/i
const JSON_LITERAL = /^(?:true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)$/
/** Numbers as C and BASIC print them. */
const PRINTED_NUMBER = /^([+-]?)(\d+\.|\d*\.\d+|(?:0|[1-9]\d*))((?:[eE][+-]?\d+)?)$/
/** Numbers as numpy and Python's decimal module print them inside a dict. */
const CALLED_NUMBER = /^(?:(?:np|numpy)\.\w{1,16}|(?:decimal\.)?Decimal)\('?([^()']*)'?\)$/
const WHITESPACE = ' \t\n\r'
const ENDS_VALUE = ',}]{["\n\r'
const ENDS_KEY = ':,}]{["\n\r'
const RAW_IN_TEXT: Readonly<Record<string, string>> = { '\t': '\\t', '\n': '\\n', '\r': '\\r' }

/**
 * Turns a text that is nearly JSON, such as `{"temp":NaN,"hum":45}`, into JSON: a word without quotes becomes null or a
 * text, a missing value null, a number in another spelling a number, and a name without quotes a name; an extra comma is
 * removed. Texts and names may have single quotes, as in a dict that Python prints. Undefined: it is something else.
 * Linear in the length of the text.
 */
export function repairJson(text: string): string | undefined {
  return new Repair(text).run()
}

class Repair {
  readonly #text: string
  #at = 0
  readonly #out: string[] = []
  /** The brackets that are open. */
  readonly #open: string[] = []
  /** The last thing that was written, without white space: a bracket, a comma, a colon, or `v` for a value or name. */
  #last = ''

  constructor(text: string) {
    this.#text = text
  }

  run(): string | undefined {
    if (!'{['.includes(this.#text.trimStart()[0] ?? ' ')) return NO_VALUE.test(this.#text.trim()) ? 'null' : undefined
    while (this.#at < this.#text.length) if (!this.#step()) return undefined
    return this.#open.length === 0 ? this.#out.join('') : undefined
  }

  /** False: this cannot be JSON. */
  #step(): boolean {
    const char = this.#text[this.#at]!
    if (WHITESPACE.includes(char)) {
      this.#out.push(char)
      this.#at++
      return true
    }
    if (char === '{' || char === '[') {
      if (this.#last === 'v') return false
      this.#open.push(char)
      return this.#write(char, char)
    }
    if (char === '}' || char === ']') return this.#close(char)
    if (char === ',') return this.#comma()
    if (char === ':') return this.#last === 'v' && this.#write(char, char)
    if (this.#last === 'v') return false
    if (char === "'") return this.#singleQuoted()
    return char === '"' ? this.#quoted() : this.#word()
  }

  #write(json: string, as: string, length = 1): boolean {
    this.#out.push(json)
    this.#last = as
    this.#at += length
    return true
  }

  #close(bracket: string): boolean {
    if (this.#open.pop() !== (bracket === '}' ? '{' : '[')) return false
    if (this.#last === ':') this.#out.push('null')
    if (this.#last === ',') this.#out[this.#out.lastIndexOf(',')] = ''
    return this.#write(bracket, 'v')
  }

  #comma(): boolean {
    const inArray = this.#open.at(-1) === '['
    if (this.#last === ':' || (inArray && this.#last !== 'v')) this.#out.push('null')
    else if (this.#last !== 'v') return this.#write('', this.#last)
    return this.#write(',', ',')
  }

  #quoted(): boolean {
    const { length } = this.#text
    let json = '"'
    for (let i = this.#at + 1; i < length; i++) {
      const char = this.#text[i]!
      if (char === '"') return this.#write(`${json}"`, 'v', i + 1 - this.#at)
      if (char === '\\') json += char + (this.#text[++i] ?? '')
      else json += RAW_IN_TEXT[char] ?? char
    }
    return false
  }

  #singleQuoted(): boolean {
    const { length } = this.#text
    let text = ''
    for (let i = this.#at + 1; i < length; i++) {
      const char = this.#text[i]!
      if (char === "'") return this.#write(JSON.stringify(text), 'v', i + 1 - this.#at)
      if (char !== '\\') {
        text += char
        continue
      }
      const found = ESCAPE.exec(this.#text.slice(i, i + 10))
      if (found === null) return false
      text += unescaped(found[0])
      i += found[0].length - 1
    }
    return false
  }

  /** A value or name without quotes. */
  #word(): boolean {
    const isName = this.#open.at(-1) === '{' && this.#last !== ':'
    const ends = isName ? ENDS_KEY : ENDS_VALUE
    let end = this.#at
    while (end < this.#text.length && !ends.includes(this.#text[end]!)) end++
    const word = this.#text.slice(this.#at, end).trim()
    if (isName && QUOTES.test(word)) return false
    return this.#write(isName ? JSON.stringify(word) : literalOf(word), 'v', end - this.#at)
  }
}

/** Escapes in texts of Python. */
const ESCAPE = /^\\(?:['"\\nrtabfv0]|x[\da-fA-F]{2}|u[\da-fA-F]{4}|U00[\da-fA-F]{6})/
const ESCAPED: Readonly<Record<string, string>> = {
  n: '\n',
  r: '\r',
  t: '\t',
  a: '\x07',
  b: '\b',
  f: '\f',
  v: '\v',
  0: '\0',
}
/** A name with quotes in it comes from a text that is not understood. */
const QUOTES = /['"`]/

function unescaped(sequence: string): string {
  if (sequence.length === 2) return ESCAPED[sequence[1]!] ?? sequence[1]!
  const code = Number.parseInt(sequence.slice(2), 16)
  return code <= 0x10_ffff ? String.fromCodePoint(code) : '\ufffd'
}

function literalOf(given: string): string {
  const word = CALLED_NUMBER.exec(given)?.[1] ?? given
  if (JSON_LITERAL.test(word)) return word
  if (NO_VALUE.test(word)) return 'null'
  if (word === 'True' || word === 'TRUE') return 'true'
  if (word === 'False' || word === 'FALSE') return 'false'
  const number = PRINTED_NUMBER.exec(word)
  if (number === null) return JSON.stringify(word)
  const [, sign = '', digits = '', exponent = ''] = number
  const whole = digits.startsWith('.') ? `0${digits}` : digits.endsWith('.') ? digits.slice(0, -1) : digits
  return JSON_LITERAL.test(`${whole}${exponent}`)
    ? `${sign === '-' ? '-' : ''}${whole}${exponent}`
    : JSON.stringify(word)
}
