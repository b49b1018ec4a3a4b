/** Which view mode a mapping gets: the one place where that is decided. */
import { externalProbe, hasExternalShared } from '#binding'
import type { ViewMode } from '../enums.ts'
import { MmapIoError } from '../errors.ts'

/**
 * A test hook, documented in CONTRIBUTING: a view mode stands in for 'auto'; 'no-external' makes this runtime one that refuses
 * external buffers, as Electron does.
 */
const hook = process.env.MMAP_IO_VIEW

// Asked of the runtime itself, by the status of its answer, never by its name or version.
const allowsExternal = hook !== 'no-external' && externalProbe() !== undefined

const available: Record<ViewMode, boolean> = {
  external: allowsExternal,
  shared: allowsExternal && hasExternalShared(),
  wasm: false,
  copy: true,
}

/** Why a mode cannot be had. */
const reasons: Record<ViewMode, string> = {
  external: 'this runtime refuses external array buffers, as Electron does',
  shared: 'it needs Node 22.23.3, 24.16, 26.1 or newer of these lines, and a runtime that allows external buffers',
  wasm: 'this version of mmap-io has no views over WebAssembly memory',
  copy: '',
}

const isMode = (name: string | undefined): name is ViewMode => name !== undefined && Object.hasOwn(available, name)

/** The modes that can be had here. */
export const views: readonly ViewMode[] = (Object.keys(available) as ViewMode[]).filter((mode) => available[mode])

/** What 'auto' means here, unless the test hook says otherwise. */
const best: ViewMode = (['external', 'wasm'] as const).find((mode) => available[mode]) ?? 'copy'

/** What 'auto' means. */
export const defaultView: ViewMode = isMode(hook) ? hook : best

export function chooseView(wanted: 'auto' | ViewMode): ViewMode {
  const mode = wanted === 'auto' ? defaultView : wanted
  if (available[mode]) return mode
  const instead = views.map((view) => `'${view}'`).join(' or ')
  throw new MmapIoError('Unsupported', `View mode '${mode}' cannot be had: ${reasons[mode]}. Use ${instead}`)
}
