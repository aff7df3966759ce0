-- A store as schema version 3 left it: one session with an ordinary turn and one that called for people, one in mid-reply, one removed.
CREATE TABLE sessions (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  key TEXT NOT NULL UNIQUE,
  tenant TEXT NOT NULL,
  owner TEXT NOT NULL,
  epoch TEXT NOT NULL,
  last_seq INTEGER NOT NULL,
  identity TEXT NOT NULL,
  state TEXT NOT NULL,
  metadata TEXT NOT NULL
, memory TEXT, care TEXT) STRICT;
CREATE INDEX sessions_of_tenant ON sessions (tenant);
CREATE INDEX sessions_of_owner ON sessions (tenant, owner);
CREATE TABLE create_keys (
  key TEXT PRIMARY KEY,
  session INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX create_keys_of_session ON create_keys (session);
CREATE TABLE tombstones (
  key TEXT NOT NULL,
  epoch TEXT NOT NULL,
  removed_at INTEGER NOT NULL,
  PRIMARY KEY (key, epoch)
) STRICT, WITHOUT ROWID;
CREATE TABLE turns (
  session INTEGER NOT NULL,
  n INTEGER NOT NULL,
  turn_id TEXT NOT NULL,
  input_key TEXT,
  first_seq INTEGER NOT NULL,
  last_seq INTEGER NOT NULL,
  ended_at INTEGER,
  is_compacted INTEGER NOT NULL DEFAULT 0,
  input TEXT NOT NULL,
  state TEXT NOT NULL,
  PRIMARY KEY (session, n)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX turns_by_id ON turns (session, turn_id);
CREATE UNIQUE INDEX turns_by_input ON turns (session, input_key) WHERE input_key IS NOT NULL;
CREATE UNIQUE INDEX turns_live ON turns (session) WHERE ended_at IS NULL;
CREATE INDEX turns_to_compact ON turns (ended_at) WHERE ended_at IS NOT NULL AND is_compacted = 0;
CREATE TABLE log (
  session INTEGER NOT NULL,
  last_seq INTEGER NOT NULL,
  event TEXT NOT NULL,
  data TEXT NOT NULL,
  PRIMARY KEY (session, last_seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX log_notices ON log (session, event, last_seq) WHERE event IN ('disclosure', 'safety:resources');
CREATE TABLE journal (
  id INTEGER PRIMARY KEY,
  session INTEGER NOT NULL,
  data TEXT NOT NULL
) STRICT;
CREATE TABLE pulse (id INTEGER PRIMARY KEY CHECK (id = 1), at INTEGER NOT NULL) STRICT;
CREATE TABLE clients (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  key TEXT NOT NULL,
  session INTEGER NOT NULL,
  care TEXT NOT NULL,
  UNIQUE (key, session)
) STRICT;
CREATE INDEX clients_of_session ON clients (session);
CREATE TABLE alerts (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  alert_id TEXT NOT NULL UNIQUE,
  session INTEGER NOT NULL,
  status TEXT NOT NULL,
  due_at REAL,
  waits_since REAL,
  call TEXT NOT NULL,
  course TEXT NOT NULL
) STRICT;
CREATE INDEX alerts_of_session ON alerts (session);
CREATE INDEX alerts_of_status ON alerts (status);
CREATE INDEX alerts_waiting ON alerts (waits_since) WHERE waits_since IS NOT NULL;
CREATE INDEX alerts_due ON alerts (due_at) WHERE due_at IS NOT NULL;
CREATE TABLE audit (
  n INTEGER PRIMARY KEY,
  body TEXT NOT NULL,
  hash TEXT NOT NULL
) STRICT;
CREATE TABLE audit_counts (
  what TEXT PRIMARY KEY,
  count INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO sessions (id, key, tenant, owner, epoch, last_seq, identity, state, metadata, memory, care) VALUES (1, 'jTf01ieZly8U_0uBZbv1jsadwBrnvh8vTZpUoRiJMQ4', 'tenant', 'tfw--riBkPlU9p7dUU6NK0eZ1qzPgl1ucz5-Dba8m3Q', 'epoch-1', 7, '1{"tenant":"tenant","sessionId":"said","epoch":"epoch-1","owner":"owner","clientId":null,"locale":null,"country":null,"ageBand":null,"createdAt":1735689600000}', '1{"status":"active","lastInteractionAt":1735689660000,"turnCount":2,"progress":{"current_substate":"1.2_problem_and_body","body_question_count":0,"completion_criteria":{"goal_established":false,"vision_created":false,"problem_identified":false,"body_awareness_present":false,"body_location_identified":false,"body_sensation_identified":false,"present_moment_focus":false,"pattern_understood":false,"rapport_established":false,"alpha_state_achieved":false,"ready_for_stage_2":false},"state_id":"2.1","priority_state":null,"criteria_detail":{"emotion_identified":false,"vision_presented":false,"psycho_education_provided":false,"education_understood":false,"problem_asked":false,"second_cycle":false,"alpha_started":false,"alpha_declined":false},"technique":"none","handoff_recommended":false,"alpha":null},"safety":{"level":"active","mode":"crisis","guarded":false,"reason_codes":["self_harm"]},"human":{"name":"Ada","untilAt":1735689661000},"lastTurn":2,"version":6}', '1{}', '1"{\"goal\":\"calm\"}"', '1"care of the session"');
INSERT INTO sessions (id, key, tenant, owner, epoch, last_seq, identity, state, metadata, memory, care) VALUES (3, 'YO84QQFR-HPXajejO5fwnSgURE2wuMaOV-D0cyuVPks', 'tenant', 'tfw--riBkPlU9p7dUU6NK0eZ1qzPgl1ucz5-Dba8m3Q', 'epoch-1', 1, '1{"tenant":"tenant","sessionId":"live","epoch":"epoch-1","owner":"owner","clientId":"client","locale":null,"country":null,"ageBand":null,"createdAt":1735689720000}', '1{"status":"active","lastInteractionAt":1735689720000,"turnCount":0,"progress":{"current_substate":"1.1_goal_and_vision","body_question_count":0,"completion_criteria":{"goal_established":false,"vision_created":false,"problem_identified":false,"body_awareness_present":false,"body_location_identified":false,"body_sensation_identified":false,"present_moment_focus":false,"pattern_understood":false,"rapport_established":false,"alpha_state_achieved":false,"ready_for_stage_2":false},"state_id":"1.1","priority_state":null,"criteria_detail":{"emotion_identified":false,"vision_presented":false,"psycho_education_provided":false,"education_understood":false,"problem_asked":false,"second_cycle":false,"alpha_started":false,"alpha_declined":false},"technique":"none","handoff_recommended":false,"alpha":null},"safety":{"level":"none","mode":"normal","guarded":false,"reason_codes":[]},"human":null,"lastTurn":1,"version":2}', '1{"note":"kept \u0000 “as it is”"}', NULL, '1"{}"');
INSERT INTO tombstones (key, epoch, removed_at) VALUES ('R63JP0sjC8b9YTg5OmntfIgFOr2JcWA9EzQTX6zovZc', 'epoch-1', 1735689660000);
INSERT INTO turns (session, n, turn_id, input_key, first_seq, last_seq, ended_at, is_compacted, input, state) VALUES (1, 1, 'turn-1', NULL, 1, 4, 1735689600000, 0, '1{"turnId":"turn-1","n":1,"inputId":null,"userInput":"hello","plan":{"preprocessing":{"original_input":"hello","cleaned_input":"hello","corrected_input":"hello","emotional_state":{"categories":{},"intensity":0,"primary_emotion":"neutral"},"input_category":"general","spelling_corrections":[],"safety_checks":{"self_harm_detected":{"detected":false,"phrases_found":[],"severity":"none"},"thinking_mode_detected":{"detected":false,"phrases_found":[]},"past_tense_detected":{"detected":false,"phrases_found":[]},"i_dont_know_detected":{"detected":false,"phrases_found":[],"context":"","note":""}}},"navigation":{"decision":"clarify_goal","next_state":null,"rag_query":null,"reasoning":null},"progress":{"current_substate":"1.2_problem_and_body","body_question_count":0,"completion_criteria":{"goal_established":false,"vision_created":false,"problem_identified":false,"body_awareness_present":false,"body_location_identified":false,"body_sensation_identified":false,"present_moment_focus":false,"pattern_understood":false,"rapport_established":false,"alpha_state_achieved":false,"ready_for_stage_2":false},"state_id":"2.1","priority_state":null,"criteria_detail":{"emotion_identified":false,"vision_presented":false,"psycho_education_provided":false,"education_understood":false,"problem_asked":false,"second_cycle":false,"alpha_started":false,"alpha_declined":false},"technique":"none","handoff_recommended":false,"alpha":null},"line":"What would you like to get out of this?","safety":null,"care":{"safety":{"level":"none","mode":"normal","guarded":false,"reason_codes":[]},"isFixed":false,"awaitsHuman":false,"ref":"ref"}},"firstSeq":1,"startedAt":1735689600000}', '1{"state":"done","generation":1,"lastSeq":4,"length":11,"endedAt":1735689600000,"phase":"queued","phaseAt":1735689600000,"position":null,"source":null,"model":null,"beganAt":null,"firstTextAt":1735689600000,"attempts":0,"idleAttempts":0,"memory":""}');
INSERT INTO turns (session, n, turn_id, input_key, first_seq, last_seq, ended_at, is_compacted, input, state) VALUES (1, 2, 'turn-2', 'sz686lIVkNL-rnlZJ5dmo4Qc1juTFCv9N62a5cLb3r4', 5, 7, 1735689660000, 0, '1{"turnId":"turn-2","n":2,"inputId":"input-2","userInput":"I am not safe","plan":{"preprocessing":{"original_input":"hello","cleaned_input":"hello","corrected_input":"hello","emotional_state":{"categories":{},"intensity":0,"primary_emotion":"neutral"},"input_category":"general","spelling_corrections":[],"safety_checks":{"self_harm_detected":{"detected":false,"phrases_found":[],"severity":"none"},"thinking_mode_detected":{"detected":false,"phrases_found":[]},"past_tense_detected":{"detected":false,"phrases_found":[]},"i_dont_know_detected":{"detected":false,"phrases_found":[],"context":"","note":""}}},"navigation":{"decision":"clarify_goal","next_state":null,"rag_query":null,"reasoning":null},"progress":{"current_substate":"1.2_problem_and_body","body_question_count":0,"completion_criteria":{"goal_established":false,"vision_created":false,"problem_identified":false,"body_awareness_present":false,"body_location_identified":false,"body_sensation_identified":false,"present_moment_focus":false,"pattern_understood":false,"rapport_established":false,"alpha_state_achieved":false,"ready_for_stage_2":false},"state_id":"2.1","priority_state":null,"criteria_detail":{"emotion_identified":false,"vision_presented":false,"psycho_education_provided":false,"education_understood":false,"problem_asked":false,"second_cycle":false,"alpha_started":false,"alpha_declined":false},"technique":"none","handoff_recommended":false,"alpha":null},"line":"What would you like to get out of this?","safety":null,"care":{"safety":{"level":"none","mode":"normal","guarded":false,"reason_codes":[]},"isFixed":false,"awaitsHuman":false,"ref":"ref"}},"firstSeq":5,"startedAt":1735689660000}', '1{"state":"done","generation":1,"lastSeq":7,"length":12,"endedAt":1735689660000,"phase":"queued","phaseAt":1735689660000,"position":null,"source":null,"model":null,"beganAt":null,"firstTextAt":1735689660000,"attempts":0,"idleAttempts":0,"memory":""}');
INSERT INTO turns (session, n, turn_id, input_key, first_seq, last_seq, ended_at, is_compacted, input, state) VALUES (3, 1, 'turn-3', NULL, 1, 2, NULL, 0, '1{"turnId":"turn-3","n":1,"inputId":null,"userInput":"hello","plan":{"preprocessing":{"original_input":"hello","cleaned_input":"hello","corrected_input":"hello","emotional_state":{"categories":{},"intensity":0,"primary_emotion":"neutral"},"input_category":"general","spelling_corrections":[],"safety_checks":{"self_harm_detected":{"detected":false,"phrases_found":[],"severity":"none"},"thinking_mode_detected":{"detected":false,"phrases_found":[]},"past_tense_detected":{"detected":false,"phrases_found":[]},"i_dont_know_detected":{"detected":false,"phrases_found":[],"context":"","note":""}}},"navigation":{"decision":"clarify_goal","next_state":null,"rag_query":null,"reasoning":null},"progress":{"current_substate":"1.2_problem_and_body","body_question_count":0,"completion_criteria":{"goal_established":false,"vision_created":false,"problem_identified":false,"body_awareness_present":false,"body_location_identified":false,"body_sensation_identified":false,"present_moment_focus":false,"pattern_understood":false,"rapport_established":false,"alpha_state_achieved":false,"ready_for_stage_2":false},"state_id":"2.1","priority_state":null,"criteria_detail":{"emotion_identified":false,"vision_presented":false,"psycho_education_provided":false,"education_understood":false,"problem_asked":false,"second_cycle":false,"alpha_started":false,"alpha_declined":false},"technique":"none","handoff_recommended":false,"alpha":null},"line":"What would you like to get out of this?","safety":null,"care":{"safety":{"level":"none","mode":"normal","guarded":false,"reason_codes":[]},"isFixed":false,"awaitsHuman":false,"ref":"ref"}},"firstSeq":1,"startedAt":1735689720000}', '1{"state":"queued","generation":1,"lastSeq":2,"length":3,"endedAt":null,"phase":"queued","phaseAt":1735689720000,"position":null,"source":null,"model":null,"beganAt":null,"firstTextAt":1735689720000,"attempts":0,"idleAttempts":0,"memory":"{\"goal\":\"calm\"}"}');
INSERT INTO log (session, last_seq, event, data) VALUES (1, 1, 'turn:started', '1{"event":"turn:started","data":{"turn_id":"turn-1","n":1,"user_input":"hello","preprocessing":{"original_input":"hello","cleaned_input":"hello","corrected_input":"hello","emotional_state":{"categories":{},"intensity":0,"primary_emotion":"neutral"},"input_category":"general","spelling_corrections":[],"safety_checks":{"self_harm_detected":{"detected":false,"phrases_found":[],"severity":"none"},"thinking_mode_detected":{"detected":false,"phrases_found":[]},"past_tense_detected":{"detected":false,"phrases_found":[]},"i_dont_know_detected":{"detected":false,"phrases_found":[],"context":"","note":""}}},"navigation":{"decision":"clarify_goal","next_state":null,"rag_query":null,"reasoning":null}},"seq":1}');
INSERT INTO log (session, last_seq, event, data) VALUES (1, 3, 'words', '1[{"seq":2,"event":"therapist:token","data":{"turn_id":"turn-1","at":0,"text":"It is "}},{"seq":3,"event":"therapist:token","data":{"turn_id":"turn-1","at":6,"text":"said."}}]');
INSERT INTO log (session, last_seq, event, data) VALUES (1, 4, 'therapist:done', '1{"event":"therapist:done","data":{"turn_id":"turn-1","n":1,"therapist_response":"It is said.","preprocessing":{"original_input":"hello","cleaned_input":"hello","corrected_input":"hello","emotional_state":{"categories":{},"intensity":0,"primary_emotion":"neutral"},"input_category":"general","spelling_corrections":[],"safety_checks":{"self_harm_detected":{"detected":false,"phrases_found":[],"severity":"none"},"thinking_mode_detected":{"detected":false,"phrases_found":[]},"past_tense_detected":{"detected":false,"phrases_found":[]},"i_dont_know_detected":{"detected":false,"phrases_found":[],"context":"","note":""}}},"navigation":{"decision":"clarify_goal","next_state":null,"rag_query":null,"reasoning":null},"session_progress":{"current_substate":"1.2_problem_and_body","body_question_count":0,"completion_criteria":{"goal_established":false,"vision_created":false,"problem_identified":false,"body_awareness_present":false,"body_location_identified":false,"body_sensation_identified":false,"present_moment_focus":false,"pattern_understood":false,"rapport_established":false,"alpha_state_achieved":false,"ready_for_stage_2":false},"state_id":"2.1","priority_state":null,"criteria_detail":{"emotion_identified":false,"vision_presented":false,"psycho_education_provided":false,"education_understood":false,"problem_asked":false,"second_cycle":false,"alpha_started":false,"alpha_declined":false},"technique":"none","handoff_recommended":false,"alpha":null},"safety":{"level":"none","mode":"normal","guarded":false,"reason_codes":[]},"source":"guide","model":"guide","timings":{"queued_ms":0,"first_token_ms":0,"total_ms":0},"timestamp":"2025-01-01T00:00:00.000Z"},"seq":4}');
INSERT INTO log (session, last_seq, event, data) VALUES (1, 5, 'turn:started', '1{"event":"turn:started","data":{"turn_id":"turn-2","n":1,"user_input":"hello","preprocessing":{"original_input":"hello","cleaned_input":"hello","corrected_input":"hello","emotional_state":{"categories":{},"intensity":0,"primary_emotion":"neutral"},"input_category":"general","spelling_corrections":[],"safety_checks":{"self_harm_detected":{"detected":false,"phrases_found":[],"severity":"none"},"thinking_mode_detected":{"detected":false,"phrases_found":[]},"past_tense_detected":{"detected":false,"phrases_found":[]},"i_dont_know_detected":{"detected":false,"phrases_found":[],"context":"","note":""}}},"navigation":{"decision":"clarify_goal","next_state":null,"rag_query":null,"reasoning":null}},"seq":5}');
INSERT INTO log (session, last_seq, event, data) VALUES (1, 6, 'words', '1[{"seq":6,"event":"therapist:token","data":{"turn_id":"turn-2","at":0,"text":"Please call."}}]');
INSERT INTO log (session, last_seq, event, data) VALUES (1, 7, 'therapist:done', '1{"event":"therapist:done","data":{"turn_id":"turn-2","n":1,"therapist_response":"Please call.","preprocessing":{"original_input":"hello","cleaned_input":"hello","corrected_input":"hello","emotional_state":{"categories":{},"intensity":0,"primary_emotion":"neutral"},"input_category":"general","spelling_corrections":[],"safety_checks":{"self_harm_detected":{"detected":false,"phrases_found":[],"severity":"none"},"thinking_mode_detected":{"detected":false,"phrases_found":[]},"past_tense_detected":{"detected":false,"phrases_found":[]},"i_dont_know_detected":{"detected":false,"phrases_found":[],"context":"","note":""}}},"navigation":{"decision":"clarify_goal","next_state":null,"rag_query":null,"reasoning":null},"session_progress":{"current_substate":"1.2_problem_and_body","body_question_count":0,"completion_criteria":{"goal_established":false,"vision_created":false,"problem_identified":false,"body_awareness_present":false,"body_location_identified":false,"body_sensation_identified":false,"present_moment_focus":false,"pattern_understood":false,"rapport_established":false,"alpha_state_achieved":false,"ready_for_stage_2":false},"state_id":"2.1","priority_state":null,"criteria_detail":{"emotion_identified":false,"vision_presented":false,"psycho_education_provided":false,"education_understood":false,"problem_asked":false,"second_cycle":false,"alpha_started":false,"alpha_declined":false},"technique":"none","handoff_recommended":false,"alpha":null},"safety":{"level":"none","mode":"normal","guarded":false,"reason_codes":[]},"source":"guide","model":"guide","timings":{"queued_ms":0,"first_token_ms":0,"total_ms":0},"timestamp":"2025-01-01T00:00:00.000Z"},"seq":7}');
INSERT INTO log (session, last_seq, event, data) VALUES (3, 1, 'turn:started', '1{"event":"turn:started","data":{"turn_id":"turn-3","n":1,"user_input":"hello","preprocessing":{"original_input":"hello","cleaned_input":"hello","corrected_input":"hello","emotional_state":{"categories":{},"intensity":0,"primary_emotion":"neutral"},"input_category":"general","spelling_corrections":[],"safety_checks":{"self_harm_detected":{"detected":false,"phrases_found":[],"severity":"none"},"thinking_mode_detected":{"detected":false,"phrases_found":[]},"past_tense_detected":{"detected":false,"phrases_found":[]},"i_dont_know_detected":{"detected":false,"phrases_found":[],"context":"","note":""}}},"navigation":{"decision":"clarify_goal","next_state":null,"rag_query":null,"reasoning":null}},"seq":1}');
INSERT INTO journal (id, session, data) VALUES (1, 3, '1[{"seq":2,"event":"therapist:token","data":{"turn_id":"turn-3","at":0,"text":"so "}}]');
INSERT INTO journal (id, session, data) VALUES (2, 3, '1[{"seq":3,"event":"therapist:token","data":{"turn_id":"turn-3","at":3,"text":"far"}}]');
INSERT INTO clients (id, key, session, care) VALUES (1, 'NGd_v6YlCSmTgqZM7xJWHDDjSRpnXMRU1SE8N0zQb4U', 1, '1"care of the client"');
INSERT INTO alerts (id, alert_id, session, status, due_at, waits_since, call, course) VALUES (1, 'alert-1', 1, 'acknowledged', 1735689660000, NULL, '1{"alertId":"alert-1","level":"active","urgency":"urgent","requiresAck":true,"body":"{\"id\":\"alert-1\"}","session":{"tenant":"tenant","sessionId":"said","epoch":"epoch-1"},"at":1735689660000}', '1{"status":"acknowledged","actor":"Ada","statusAt":1735689660000,"delivery":"pending","tries":0,"nextAt":1735689660000,"alarmedAt":null}');
INSERT INTO alerts (id, alert_id, session, status, due_at, waits_since, call, course) VALUES (2, 'alert-2', 1, 'open', NULL, 1735689660000, '1{"alertId":"alert-2","level":"active","urgency":"urgent","requiresAck":true,"body":"{\"id\":\"alert-2\"}","session":{"tenant":"tenant","sessionId":"said","epoch":"epoch-1"},"at":1735689660000}', '1{"status":"open","actor":null,"statusAt":null,"delivery":"off","tries":0,"nextAt":1735689660000,"alarmedAt":null}');
INSERT INTO audit (n, body, hash) VALUES (1, '{"n":1,"at":"2025-01-01T00:01:00.000Z","kind":"decision","ref":"ref-1","level":"active","reason_codes":["self_harm"]}', '06f275d3dc07bc0e2ea5bea46c5bd999ae9ea6d431fc98435bc5b9f374a766f4');
INSERT INTO audit (n, body, hash) VALUES (2, '{"n":2,"at":"2025-01-01T00:01:00.000Z","kind":"alert","ref":"ref-1","level":"active","reason_codes":["self_harm"]}', '767372f6652eac0c002e318754200a11508481accc005f3271f28ad772bb4e29');
INSERT INTO audit_counts (what, count) VALUES ('1{"year":2025,"kind":"alert","level":"active"}', 1);
INSERT INTO audit_counts (what, count) VALUES ('1{"year":2025,"kind":"decision","level":"active"}', 1);
UPDATE sqlite_sequence SET seq = 9 WHERE name = 'sessions';
CREATE TRIGGER audit_is_dense BEFORE INSERT ON audit
WHEN new.n <> (SELECT coalesce(max(n), 0) + 1 FROM audit)
BEGIN SELECT raise(ABORT, 'The audit takes its next record only'); END;
CREATE TRIGGER audit_never_changes BEFORE UPDATE ON audit
BEGIN SELECT raise(ABORT, 'A record of the audit never changes'); END;
CREATE TRIGGER audit_loses_nothing BEFORE DELETE ON audit
BEGIN SELECT raise(ABORT, 'A record of the audit is never deleted'); END;
PRAGMA user_version = 3;
