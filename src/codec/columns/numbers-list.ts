import { encodeItem } from '../item.ts'
import { ItemReader } from '../item-reader.ts'
import { Malformed } from '../malformed.ts'

/** Encodes lists of whole numbers as one CBOR item; a small number takes one byte. The bytes are a copy. */
export function writeNumbers(lists: readonly (readonly number[])[]): Uint8Array {
  return new Uint8Array(encodeItem(lists))
}

/** Reads `listCount` lists; undefined when the bytes are not the output of `writeNumbers` with that number of lists. */
export function readNumbers(bytes: Uint8Array, listCount: number): number[][] | undefined {
  try {
    const cbor = new ItemReader(bytes)
    cbor.arrayOf(listCount, 'lists')
    const lists = Array.from({ length: listCount }, () => Array.from(cbor.ints(cbor.array('list'), 'list')))
    cbor.end()
    return lists
  } catch (failure) {
    if (failure instanceof Malformed) return undefined
    throw failure
  }
}
