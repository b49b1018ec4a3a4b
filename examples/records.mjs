// A table of fixed-size records: random access by DataView, durable when it says so.
//
//   node examples/records.mjs [file]
import { MemoryMappedFile } from 'mmap-io'

const RECORD = 16 // bytes: a float64 price, a uint32 stock, 4 spare

class Table {
  #file
  #view

  static async open(path, records) {
    const file = await MemoryMappedFile.open(path, { mode: 'read-write', create: 'if-missing', size: records * RECORD })
    return new Table(file)
  }

  constructor(file) {
    this.#file = file
    this.#view = file.dataView()
  }

  get count() {
    return this.#file.length / RECORD
  }

  get(index) {
    const at = index * RECORD
    return { price: this.#view.getFloat64(at, true), stock: this.#view.getUint32(at + 8, true) }
  }

  set(index, { price, stock }) {
    const at = index * RECORD
    this.#view.setFloat64(at, price, true)
    this.#view.setUint32(at + 8, stock, true)
  }

  async grow(records) {
    await this.#file.resize(records * RECORD)
    this.#view = this.#file.dataView() // the old one stays valid; this one reaches the new records
  }

  // Everything stored so far is on the device when this resolves.
  commit() {
    return this.#file.flush()
  }

  close() {
    this.#file.close()
  }
}

const table = await Table.open(process.argv[2] ?? 'products.bin', 1000)
table.set(7, { price: 12.5, stock: 3 })
await table.grow(5000)
table.set(4999, { price: 99, stock: 1 })
await table.commit()
console.log(`${table.count} records; the 8th: ${JSON.stringify(table.get(7))}, the last: ${JSON.stringify(table.get(4999))}`)
table.close()
