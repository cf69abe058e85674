"""Tasks: ``/v2/tasks``, ``/v2/tasks/{task_id}`` and ``/v2/images/{image_id}/tasks``."""

import falcon

from vitrine.adapters.http.body import json_object, no_body
from vitrine.adapters.http.media import send_json
from vitrine.adapters.http.middleware.identity import caller_of
from vitrine.adapters.http.queries import Paging, page_link, parameters
from vitrine.adapters.http.task_queries import new_task, task_list
from vitrine.adapters.http.task_views import TASKS, image_tasks_view, listed_view, task_view
from vitrine.adapters.http.wsgi import application_url
from vitrine.usecases.tasks import Tasks


class TasksResource:
    """All tasks that the caller may see."""

    def __init__(self, tasks: Tasks, paging: Paging) -> None:
        self._tasks = tasks
        self._paging = paging

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """List one page: 200."""
        caller = caller_of(req)
        # Before anything is said of what was sent.
        self._tasks.check_access(caller)
        pairs = parameters(req.query_string)
        page = self._tasks.list(caller, task_list(pairs, self._paging))
        document: dict[str, object] = {
            "tasks": [listed_view(job) for job in page.tasks],
            "first": page_link(TASKS, pairs),
            "schema": "/v2/schemas/tasks",
        }
        if page.next_marker is not None:
            document["next"] = page_link(TASKS, pairs, page.next_marker)
        send_json(resp, document)

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Ask for something to be done: 201."""
        caller = caller_of(req)
        self._tasks.check_access(caller)
        kind, given = new_task(json_object(req))
        job = self._tasks.create(caller, kind, given)
        send_json(resp, task_view(job), status=falcon.HTTP_201)
        resp.set_header("Location", f"{application_url(req.env)}{TASKS}/{job.id}")


class TaskResource:
    """One task."""

    def __init__(self, tasks: Tasks) -> None:
        self._tasks = tasks

    def on_get(self, req: falcon.Request, resp: falcon.Response, task_id: str) -> None:
        """Show it: 200."""
        send_json(resp, task_view(self._tasks.show(caller_of(req), task_id)))

    def on_delete(self, req: falcon.Request, resp: falcon.Response, task_id: str) -> None:
        """Refuse it: 405, for tasks go by themselves."""
        self._tasks.check_access(caller_of(req))
        raise falcon.HTTPMethodNotAllowed(["GET"])


class ImageTasksResource:
    """The tasks of one image."""

    def __init__(self, tasks: Tasks) -> None:
        self._tasks = tasks

    def on_get(self, req: falcon.Request, resp: falcon.Response, image_id: str) -> None:
        """List them: 200."""
        no_body(req)
        send_json(resp, image_tasks_view(self._tasks.of_image(caller_of(req), image_id)))
