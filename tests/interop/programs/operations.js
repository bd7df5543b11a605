// What else happens on a call: prompts, recordings, detections, faxes, taps, digits.
'use strict'

const { MUSIC, say, step, events, dial, outcome } = require('./steps')

const FAX = 'https://media.example/two.pdf'

// JSON leaves undefined out, and it is a fact too.
const facts = named => Object.fromEntries(Object.entries(named).map(([name, value]) => [name, value ?? null]))

async function prompts(client, number) {
  const prompted = result => ({
    ...facts({
      type: result.type,
      result: result.result,
      terminator: result.terminator,
      confidence: result.confidence,
    }),
    ...outcome(result),
  })
  const call = await dial(client, number)
  const digits = { type: 'digits', digits_max: 4, digits_terminators: '#', digits_timeout: 2, initial_timeout: 6 }
  const voice = { text: 'Please dial.', language: 'en-GB', gender: 'male' }
  await step('digits', prompted(await call.promptTTS({ ...digits, ...voice })))
  const hints = { speech_language: 'en-US', speech_hints: ['yes'] }
  const speech = { type: 'speech', end_silence_timeout: 0.5, speech_timeout: 20, ...hints }
  await step('speech', prompted(await call.promptAudio({ ...speech, url: MUSIC, volume: -6 })))
  const both = { type: 'both', digits_max: 1, initial_timeout: 3 }
  await step('nothing', prompted(await call.promptRingtone({ ...both, name: 'us', duration: 2 })))

  const results = events(call, 'prompt', params => params.result.type)
  const media = [{ type: 'audio', url: MUSIC }]
  const prompt = await call.promptAsync({ type: 'digits', digits_max: 1, media })
  await step('prompting', { completed: prompt.completed })
  const louder = await prompt.volume(-6)
  await step('louder', { successful: louder.successful })
  const stopped = await prompt.stop()
  const told = await results()
  say('stopped', { stop: stopped.successful, told, state: prompt.state, ...prompted(prompt.result) })
}

// What only this client can do: be told of each digit.
async function partial(client, number) {
  const call = await dial(client, number)
  const results = events(call, 'collect', params => [params.final, params.result.params.digits])
  const media = [{ type: 'audio', url: MUSIC }]
  const digits = { max: 2 }
  const prompt = await call.promptAsync({ type: 'digits', digits, partial_results: true, media })
  await step('prompting', { completed: prompt.completed })
  const first = await results()
  await step('first', { told: first, completed: prompt.completed, result: prompt.result.result })
  say('second', { told: await results(), result: prompt.result.result })
}

async function recordings(client, number) {
  const recorded = result => ({
    ...facts({ url: result.url, duration: result.duration, size: result.size }),
    ...outcome(result),
  })
  const call = await dial(client, number)
  const result = await call.record({
    beep: true,
    format: 'wav',
    stereo: true,
    direction: 'both',
    initial_timeout: 5,
    end_silence_timeout: 2,
    terminators: '#',
  })
  await step('recorded', recorded(result))

  const states = events(call, 'record.stateChange')
  const recording = await call.recordAsync({ direction: 'speak', initial_timeout: 0, end_silence_timeout: 0 })
  await step('recording', { told: await states(), url: recording.url, completed: recording.completed })
  const stopped = await recording.stop()
  const told = await states()
  await step('stopped', { stop: stopped.successful, told, state: recording.state, ...recorded(recording.result) })
  await step('nothing', recorded(await call.record({ initial_timeout: 2 })))
}

async function detections(client, machine, person, fax) {
  const detected = result => ({ ...facts({ type: result.type, result: result.result }), ...outcome(result) })
  let call = await dial(client, machine)
  const finished = events(call, 'detect.finished', params => params.detect.params.event)
  const running = await call.detectAnsweringMachineAsync({ timeout: 60, machine_words_threshold: 5 })
  const options = { wait_for_beep: true, initial_timeout: 4.5, end_silence_timeout: 1.0 }
  await step('machine', detected(await call.amd(options)))
  const stopped = await running.stop()
  const told = await finished()
  say('stopped', { stop: stopped.successful, told, completed: running.completed, ...detected(running.result) })
  await call.hangup()

  call = await dial(client, person)
  await step('person', detected(await call.amd({ machine_voice_threshold: 1.25 })))
  await step('digit', detected(await call.detectDigit({ digits: '5', timeout: 10 })))
  await step('no digit', detected(await call.detectDigit({ timeout: 2 })))
  await call.hangup()

  call = await dial(client, fax)
  await step('fax', detected(await call.detectFax({ tone: 'CED', timeout: 10 })))
}

async function faxes(client, receiver, sender) {
  const faxed = result => ({
    ...facts({
      direction: result.direction,
      identity: result.identity,
      remote: result.remoteIdentity,
      document: result.document,
      pages: result.pages,
    }),
    ...outcome(result),
  })
  let call = await dial(client, receiver)
  const pages = events(call, 'fax.page', params => params.fax.params.number)
  const sent = await call.faxSend(FAX, '+15550100777', 'Interop')
  await step('sent', { told: [await pages(), await pages()], ...faxed(sent) })
  const finished = events(call, 'fax.finished', params => params.fax.params.success)
  const again = await call.faxSendAsync(FAX)
  const stopped = await again.stop()
  const success = await finished()
  say('stopped', { stop: stopped.successful, success, completed: again.completed, ...faxed(again.result) })
  await call.hangup()

  call = await dial(client, sender)
  await step('received', faxed(await call.faxReceive()))
}

async function taps(client, number, port, uri) {
  const tapped = result => ({
    ...facts({ tap: result.tap, source: result.sourceDevice, destination: result.destinationDevice }),
    ...outcome(result),
  })
  const call = await dial(client, number)
  // No tap.stateChange here: this client never tells of it.
  const tapping = events(call, 'tap.tapping')
  const finished = events(call, 'tap.finished')
  const target = { target_type: 'rtp', target_addr: '127.0.0.1', target_port: Number(port), target_ptime: 20 }
  const tap = await call.tapAsync({ audio_direction: 'speak', ...target, codec: 'PCMU' })
  await step('tapping', { told: await tapping(), source: tap.sourceDevice, completed: tap.completed })
  const stopped = await tap.stop()
  await step('stopped', { stop: stopped.successful, told: await finished(), ...tapped(tap.result) })
  const site = { target_type: 'ws', target_uri: uri, rate: 8000, codec: 'PCMA' }
  await step('other side gone', tapped(await call.tap({ audio_direction: 'both', ...site })))
}

async function digits(client, number) {
  const call = await dial(client, number)
  await step('sent', outcome(await call.sendDigits('12w#')))
  const states = events(call, 'sendDigits.stateChange')
  const sending = await call.sendDigitsAsync('9A')
  await step('sending', { completed: sending.completed })
  say('sent again', { told: await states(), completed: sending.completed, ...outcome(sending.result) })
}

// Starts whatever can be started and left to itself, all at once, and looks at it when the call is over.
async function twins(client, number, port) {
  const call = await dial(client, number)
  const media = [{ type: 'audio', url: MUSIC }]
  const digits = { type: 'digits', digits_max: 1 }
  const target = { target_type: 'rtp', target_addr: '127.0.0.1', target_port: Number(port) }
  const actions = {
    play: await call.playAsync({ media, volume: -20 }),
    play_ringtone: await call.playRingtoneAsync({ name: 'de', duration: 60, volume: -20 }),
    play_tts: await call.playTTSAsync({ text: 'Good evening. '.repeat(50), volume: -20 }),
    prompt: await call.promptAsync({ ...digits, type: 'both', media }),
    prompt_audio: await call.promptAudioAsync({ ...digits, url: MUSIC }),
    prompt_ringtone: await call.promptRingtoneAsync({ ...digits, name: 'fr', duration: 60 }),
    prompt_tts: await call.promptTTSAsync({ type: 'speech', text: 'Good night. '.repeat(50) }),
    record: await call.recordAsync({ initial_timeout: 0, end_silence_timeout: 0 }),
    detect: await call.detectAsync({ type: 'machine', timeout: 60, initial_timeout: 60 }),
    detect_digit: await call.detectDigitAsync({ timeout: 60 }),
    detect_fax: await call.detectFaxAsync({ tone: 'CNG', timeout: 60 }),
    fax_send: await call.faxSendAsync(FAX),
    fax_receive: await call.faxReceiveAsync(),
    tap: await call.tapAsync({ audio_direction: 'both', ...target }),
    send_digits: await call.sendDigitsAsync('WWWWW1'),
  }
  const each = look => Object.fromEntries(Object.entries(actions).map(([name, action]) => [name, look(action)]))
  // The payload is what has been sent.
  const controlIds = Object.values(actions).map(action => action.payload.control_id)
  say('started', { completed: each(action => action.completed), control_ids: controlIds })
  const waited = await call.waitForEnded()
  const ended = each(action => [action.state, action.completed, action.result.successful])
  say('ended', { waited, actions: ended })
}

module.exports = { prompts, partial, recordings, detections, faxes, taps, digits, twins }
