// A server that keeps a data set mapped. When the file is replaced, new requests get the new one, and requests that are being
// answered finish on the old one: nobody ever gets half of each.
//
//   node examples/served-data.mjs [file]
//
// Whoever publishes a new data set writes it beside the old one and renames it over it, as `publish` below does. From somebody who
// writes into the file itself no reader can be protected.
import { EventEmitter, once } from 'node:events'
import { rename, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { pipeline } from 'node:stream/promises'
import { MemoryMappedFile } from 'mmap-io'

/** Tells 'renewed' when new readers get another mapping than before. */
class DataSet extends EventEmitter {
  #path
  /** What new readers get: a mapping, and how many readers it has. */
  #current
  #renewing
  #closed = false

  static async open(path) {
    const set = new DataSet(path)
    await set.#renew()
    return set
  }

  constructor(path) {
    super()
    this.#path = path
  }

  /** Runs a reader on the data set as it is now. A mapping that is not the newest any more is closed by its last reader. */
  async read(reader) {
    const used = this.#current
    used.readers++
    try {
      return await reader(used.mapping)
    } finally {
      used.readers--
      this.#letGo(used)
    }
  }

  close() {
    this.#closed = true
    this.#letGo(this.#current)
  }

  async #renew() {
    const mapping = await MemoryMappedFile.openRo(this.#path)
    try {
      // A file that was replaced since the line above is told at once.
      mapping
        .watch((event) => event.replaced && this.#renewSoon())
        .on('error', (error) => console.error(error))
        // It was removed and has not come back for a second: it is looked for from time to time.
        .on('close', () => !mapping.closed && this.#renewSoon())
    } catch (error) {
      mapping.close()
      throw error
    }
    const old = this.#current
    this.#current = { mapping, readers: 0 }
    if (old) this.#letGo(old)
    if (this.#closed) this.#letGo(this.#current)
    else this.emit('renewed')
  }

  /** One renewal at a time. What is replaced meanwhile is told by the watcher of the mapping that is being opened. */
  #renewSoon() {
    this.#renewing ??= this.#renew()
      .catch((error) => {
        console.error(`The old data set stays: ${error.message}`)
        if (!this.#closed) setTimeout(() => this.#renewSoon(), 1000).unref()
      })
      .finally(() => {
        this.#renewing = undefined
      })
  }

  #letGo(used) {
    if (used.readers === 0 && (used !== this.#current || this.#closed)) used.mapping.close()
  }
}

async function publish(path, bytes) {
  await writeFile(`${path}.new`, bytes, { flush: true })
  await rename(`${path}.new`, path)
}

const path = process.argv[2] ?? 'data-set.bin'
const size = 8 << 20
await publish(path, Buffer.alloc(size, '1'))

const data = await DataSet.open(path)
const server = createServer((_, response) => data.read((mapping) => pipeline(mapping.createReadStream(), response)).catch(() => {}))
await once(server.listen(0, '127.0.0.1'), 'listening')
const { port } = /** @type {import('node:net').AddressInfo} */ (server.address())
const url = `http://127.0.0.1:${port}/`

const slow = await fetch(url) // has its headers, and then takes its time
await Promise.all([once(data, 'renewed'), publish(path, Buffer.alloc(size, '2'))])

const versions = async (response) => [...new Set(Buffer.from(await response.arrayBuffer()).toString('latin1'))].join()
console.log(`a request from now on gets version ${await versions(await fetch(url))}`)
console.log(`the slow one gets version ${await versions(slow)}, all of it`)

server.close()
data.close()
