// The files and objects that the calls of one run share, and what user code may do to them at any moment.
import { constants, mkdirSync, readdirSync, readFileSync, truncateSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { types } from 'node:util'

const MOST = 48
/** For writing, of a file that keeps its length, which a call that still runs may be removing. */
const KEEP = constants.O_RDWR | constants.O_CREAT
const content = Buffer.from(Array.from({ length: 10_000 }, (_, at) => 0x61 + (at % 23)))

export class World {
  #objects = []
  #buffers = []
  #views = []
  /** Private mappings of files that nothing else may reach: whatever is done to them, the files stay. */
  #witnesses = []
  #paths = 0
  /** How often code of ours ran in the middle of calls. */
  traps = 0
  /** How often a proxy told something wrong of what is behind it. */
  lies = 0
  #inMischief = false

  constructor(folder, api, { isNative, isSmall }) {
    this.isNative = isNative
    this.isSmall = isSmall
    this.folder = folder
    this.api = api
    for (const name of ['folder', 'files', 'witnesses']) mkdirSync(join(folder, name))
    for (const name of ['openRoSync', 'openCowSync']) {
      const path = join(folder, 'witnesses', name)
      writeFileSync(path, content)
      this.#witnesses.push({ path, open: () => api.MemoryMappedFile[name](path) })
    }
  }

  /** The path of a file, or of what is none. Where nothing survives that a file is cut under a mapping, each file is used once. */
  path(random) {
    const name = random.pick(['kept', 'kept', 'one', 'one', 'two', 'empty', 'missing', 'folder'])
    if (name === 'folder') return join(this.folder, name)
    const path = join(this.folder, 'files', this.api.capabilities.faultGuard ? name : `${name}-${this.#paths++}`)
    if (name !== 'missing') writeFileSync(path, name === 'empty' ? '' : content, { flag: KEEP })
    return path
  }

  /** Removes the names of what calls have made of strings that were no paths of ours; see `path`. */
  forgetStrays() {
    for (const entry of readdirSync('.', { withFileTypes: true })) if (entry.isFile()) unlinkSync(entry.name)
  }

  /** Opens what calls need to have something to work on. */
  open(random) {
    const { MemoryMappedFile } = this.api
    const open = random.pick([
      () => MemoryMappedFile.openRwSync(this.path(random), { sparse: true }),
      () => MemoryMappedFile.openRwSync(this.path(random), { flushPolicy: { everyWrites: 3 } }),
      () => MemoryMappedFile.openRwSync(this.path(random), { offset: 4097 }),
      () => random.pick(this.#witnesses).open(),
      () => random.pick(this.#witnesses).open(),
    ])
    try {
      this.keep(open())
    } catch (error) {
      if (!(error instanceof this.api.MmapIoError)) throw error
    }
  }

  /** Keeps what a call returned, to be used by later ones. */
  keep(value) {
    if (types.isProxy(value)) return
    if (Array.isArray(value)) for (const part of value.slice(0, 3)) this.keep(part)
    else if (types.isAnyArrayBuffer(value)) this.#add(this.#buffers, value)
    else if (ArrayBuffer.isView(value)) {
      this.#add(this.#views, value)
      // What a subclass tells may be anything, and Node's own pool is nobody's to give away.
      const { buffer } = value
      if (types.isAnyArrayBuffer(buffer) && buffer.byteLength !== Buffer.poolSize) this.#add(this.#buffers, buffer)
    } else if ((typeof value === 'object' && value !== null) || typeof value === 'function') {
      if (value instanceof Error || types.isPromise(value)) return
      value.on?.('error', () => {})
      this.#add(this.#objects, value)
    }
  }

  #add(list, value) {
    list.push(value)
    if (list.length > MOST) list.splice((this.traps * 7) % MOST, 1)
  }

  get #byKind() {
    // Not asked for by name: a call may have returned what it was given, traps included.
    const handle = this.#objects.filter(
      (object) => !types.isProxy(object) && Object.getOwnPropertyDescriptor(object, 'kind')?.value === 'mmap-io/handle',
    )
    return { object: this.#objects, mapping: this.mappings(), handle, buffer: this.#buffers, view: this.#views }
  }

  pick(kind, random) {
    const list = this.#byKind[kind]
    return list.length === 0 ? undefined : random.pick(list)
  }

  mappings() {
    return this.#objects.filter((object) => !types.isProxy(object) && object instanceof this.api.MemoryMappedFile)
  }

  trapped() {
    this.traps++
  }

  /** What user code that runs in the middle of a call could do. */
  mischief(random) {
    if (this.#inMischief) return
    this.#inMischief = true
    try {
      const mappings = this.mappings()
      const mapping = mappings.length > 0 ? random.pick(mappings) : undefined
      random.pick([
        () => mapping?.close(),
        () => mapping?.close({ detach: false }),
        () => mapping?.resizeSync(random.pick([1, 100, 4096, 20_000]), { detach: random.chance(50) }),
        () => mapping?.flushSync(),
        () => mapping?.asSlice(),
        () => detach(this.pick('buffer', random)),
        () => this.pick('buffer', random)?.resize?.(0),
        () => globalThis.gc?.(),
      ])()
    } catch {
      // What it is told is judged where it is called for its own sake.
    } finally {
      this.#inMischief = false
    }
  }

  /** Cuts a file under its mappings, or makes it longer, as another process may. */
  cut(random) {
    const path = join(this.folder, 'files', random.pick(['kept', 'one', 'two']))
    try {
      truncateSync(path, random.below(20_000))
    } catch (error) {
      if (error.code !== 'ENOENT') throw error
    }
  }

  /** Runs what may run user code, without its mischief. */
  quietly(run) {
    const before = this.#inMischief
    this.#inMischief = true
    try {
      return run()
    } finally {
      this.#inMischief = before
    }
  }

  /** Uses views as their owners do, at any time. */
  useViews(random) {
    const view = this.pick('view', random)
    if (!ArrayBuffer.isView(view)) return
    const use = random.pick([
      () => view.fill(0x62),
      () => view.indexOf(0x63),
      () => view.toString('latin1'),
      () => view.slice(),
      () => view.set([0x64], random.below(view.length)),
      () => view.setUint8(random.below(view.byteLength), 0x65),
    ])
    try {
      use()
    } catch {
      // A view that is empty by now, or of another kind.
    }
  }

  /** The witness that has changed, if one has. */
  changedWitness() {
    return this.#witnesses.find(({ path }) => !readFileSync(path).equals(content))?.path
  }

  spoil() {
    writeFileSync(this.#witnesses[0].path, 'x', { flag: 'r+' })
  }

  closeAll() {
    for (const object of this.#objects) {
      try {
        object.close?.()
      } catch {
        // It is none of ours, or it is closed.
      }
    }
  }
}

function detach(buffer) {
  if (buffer instanceof ArrayBuffer) structuredClone(buffer, { transfer: [buffer] })
}
