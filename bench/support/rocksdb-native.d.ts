/** The part of the package that the bench uses; it brings no types. */
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
    close(): Promise<void>
  }
}
