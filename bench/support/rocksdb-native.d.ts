/** The part of the package that the bench uses; the package has no types. */
declare module 'rocksdb-native' {
  interface WriteBatch {
    tryPut(key: Uint8Array, value: Uint8Array): void
    /** Resolves once the batch is in the write-ahead log, which is not synced. */
    flush(): Promise<void>
    destroy(): void
  }

  export default class RocksDB {
    constructor(folder: string)
    ready(): Promise<void>
    write(options?: { capacity?: number }): WriteBatch
    flush(): Promise<void>
    compactRange(): Promise<void>
    iterator(
      range: object,
      options?: { capacity?: number },
    ): AsyncIterable<{ readonly key: Uint8Array; readonly value: Uint8Array }>
    close(): Promise<void>
  }
}
