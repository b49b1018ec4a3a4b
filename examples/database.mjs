// A small database: records of a fixed size, an atomic count that tells readers in any process how many there are.
//
//   node examples/database.mjs [file]
import { MemoryMappedFile } from 'mmap-io'

const HEADER = 64 // bytes: the count, and room for more
const RECORD = 64 // bytes: a score, then a name

class Database {
  #file
  #count

  static async open(path) {
    // Records are looked up here and there: reading ahead would be wasted.
    return new Database(await MemoryMappedFile.openOrCreate(path, HEADER + 16 * RECORD, { advice: 'random' }))
  }

  constructor(file) {
    this.#file = file
    this.#count = file.atomicU64(0)
  }

  get count() {
    return Number(this.#count.load())
  }

  async insert(name, score) {
    const at = HEADER + this.count * RECORD
    if (at + RECORD > this.#file.length) await this.#file.resize(2 * this.#file.length)
    const record = Buffer.alloc(RECORD)
    record.writeDoubleLE(score)
    record.write(name, 8)
    this.#file.updateRegion(at, record)
    this.#count.fetchAdd(1n) // now it counts: whoever sees the count sees the whole record
  }

  get(number) {
    const record = this.#file.readBytes(HEADER + number * RECORD, RECORD)
    return { name: record.toString('utf8', 8).replace(/\0+$/, ''), score: record.readDoubleLE() }
  }

  // On a large database that is not in memory, this asks the device for all of them at once.
  async getMany(numbers) {
    await this.#file.touchPages(numbers.map((number) => [HEADER + number * RECORD, RECORD]))
    return numbers.map((number) => this.get(number))
  }

  // Everything inserted so far is on the device when this resolves.
  commit() {
    return this.#file.flush()
  }

  close() {
    this.#file.close()
  }
}

const database = await Database.open(process.argv[2] ?? 'players.bin')
for (let player = 0; player < 1000; player++) await database.insert(`player ${player}`, player * 1.5)
await database.commit()
console.log(`${database.count} records`)
console.log(await database.getMany([999, 7, 512]))
database.close()
