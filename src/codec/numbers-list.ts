import { encodeItem } from './item.ts'
import { ItemReader } from './item-reader.ts'
import { Malformed } from './malformed.ts'

/** Lists of whole numbers as one CBOR item, one byte for each small one. The bytes are a copy. */
export function writeNumbers(lists: readonly (readonly number[])[]): Uint8Array {
  return new Uint8Array(encodeItem(lists))
}

/** Reads so many lists; undefined where the bytes are something else. */
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
