"""A stand-in for the API server of Kubeflow Pipelines (REST, v2beta1), for tests without a cluster.

It listens on a socket, with TLS if given a certificate, and keeps what it is told: pipelines, versions, experiments,
runs, recurring runs. What comes in must fit kfp_server_api's models; what goes out is made by them.

What it does as the real one does:
- 409 for a pipeline, version or experiment whose name exists; 404 with the API's own JSON for what does not; lists with
  filters by display name, pages, and sorting by creation.
- Parameters are checked when a run or a schedule is made: a name that the pipeline lacks, a missing one, None, text for
  a number: 400. A fraction for a whole number is taken unchecked. `{{workflow…}}` in a value is replaced, any other
  `{{…}}` refused.
- A run goes on with time (`pace_s` for each pod): PENDING, RUNNING, then SUCCEEDED or FAILED. Its task details are
  nodes of the workflow engine: drivers, executors, attempts, groups; none says its own id, and no error is ever told.
  The exit task comes last, whatever happened, and its own failure fails nothing.
- Terminating ends in FAILED, by way of CANCELING.
- The log of a step is had from /apis/v1alpha1, or with `newest` from /apis/v2beta1 in its place, by the name of its
  pod; for any other name there is a 500.
- With `behind_ui` it is reached as through the UI, which passes on v2beta1 alone, has the logs of pods at
  /k8s/pod/logs, and answers for the health itself, also where `api_is_up` is false.
- Two schedules may have the same name. Cron has six fields; of five the first is taken for the seconds.
  max_concurrency is 1 to 10. The account that runs them is written in where none was given. Deleting one keeps its
  runs. A name or description of more than 255 characters is a 500, and leaves one that only the cluster knows.
- Names that differ only in case or accents are equal, as they are to MySQL. Those of pipelines and experiments have at
  most 128 bytes, those of versions 127.
- With `bearer_tokens`, no or another token is a 401. With `cookies`, no or another cookie is a redirect to a login
  page, as Dex behind a gateway has it; with `forbidden_tokens`, a 403.
- In multi-user mode, lists ask for a namespace; in single-user mode they refuse one.

Runs only seem to run, as a script says (`script.Script`), unless the store is given `executing.executing`. Then the
steps of a run are really run, on this machine, with kfp.local for the workflow engine and without containers, drivers
or installed packages; states, times and logs are theirs. Such a run is never PENDING, must be of `platform=local`,
and shows a step that begins within a second of another as beginning a second later.

What it does not: read or write objects or metadata, fire schedules on its own (`fire` does), share pipelines among
namespaces, archive, retry, or speak v1beta1.
"""
