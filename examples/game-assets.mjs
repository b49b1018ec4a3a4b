// The assets of a game in one file, mapped at its start: a level is read from the disk when it is played, and nothing is copied.
//
//   node examples/game-assets.mjs [file]
import { alignUp, MemoryMappedFile } from 'mmap-io'

const HEADER = 512 // bytes: the table of contents, as JSON
const ALIGN = 16 // typed arrays of any kind can begin at an asset

// What a build script does.
async function pack(path, assets) {
  const table = {}
  let end = HEADER
  for (const [name, data] of Object.entries(assets)) {
    table[name] = { offset: end, length: data.byteLength }
    end = alignUp(end + data.byteLength, ALIGN)
  }
  const file = await MemoryMappedFile.createRw(path, end)
  file.updateRegion(0, JSON.stringify(table).padEnd(HEADER))
  for (const [name, data] of Object.entries(assets)) file.updateRegion(table[name].offset, data)
  await file[Symbol.asyncDispose]()
}

class Assets {
  #file
  #table

  // The levels lie apart, so reading ahead between them would be wasted.
  static async open(path) {
    return new Assets(await MemoryMappedFile.openRo(path, { advice: 'random' }))
  }

  constructor(file) {
    this.#file = file
    this.#table = JSON.parse(file.asSlice(0, HEADER).toString())
  }

  bytes(name) {
    const { offset, length } = this.#table[name]
    return this.#file.asSlice(offset, length)
  }

  // What a graphics interface takes: no parsing, no copy.
  floats(name) {
    const { offset, length } = this.#table[name]
    return this.#file.typedArray(Float32Array, offset, length / 4)
  }

  // Before a level begins: what it needs is in memory then, and the game does not stutter later.
  async warm(...names) {
    await this.#file.touchPages(names.map((name) => [this.#table[name].offset, this.#table[name].length]))
  }

  close() {
    this.#file.close()
  }
}

const path = process.argv[2] ?? 'game-assets.bin'
await pack(path, {
  'forest/terrain': Float32Array.from({ length: 1_000_000 }, (_, at) => Math.fround(at / 2)),
  'forest/sky.rgba': Buffer.alloc(512 * 512 * 4, Buffer.from([0x33, 0x66, 0x99, 0xff])),
  'title.txt': Buffer.from('A walk in the woods'),
})

const assets = await Assets.open(path)
console.log(assets.bytes('title.txt').toString())
await assets.warm('forest/terrain', 'forest/sky.rgba')
console.log(`height 999,999: ${assets.floats('forest/terrain').at(-1)}`)
console.log(`a pixel of the sky: ${assets.bytes('forest/sky.rgba').toString('hex', 0, 4)}`)
assets.close()
