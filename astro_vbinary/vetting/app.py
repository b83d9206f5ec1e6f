"""The page as an ASGI application: addresses, and what each of them answers.

Images are addressed by numbers, styles and scripts by a closed list of names: no
address holds a path.
"""

import io
from functools import partial
from pathlib import Path
from urllib.parse import parse_qs

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import (
    HTMLResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
)
from starlette.routing import Route

from astro_vbinary.exceptions import VBinaryError
from astro_vbinary.vetting import pages
from astro_vbinary.vetting.annotations import ANNOTATION_LABELS, make_table
from astro_vbinary.vetting.guard import Guard
from astro_vbinary.vetting.session import Session, clean_name, to_cookie
from astro_vbinary.vetting.state import PageState

__all__ = ["create_app"]

FOLDER = Path(__file__).with_name("page")

#: The files that are served as they are.
STATIC = {
    "icon.svg": "image/svg+xml",
    "vetting.css": "text/css",
    "vetting.js": "text/javascript",
}

#: How long a browser may keep a picture; its address says all that it depends on.
KEEP = {"Cache-Control": "private, max-age=3600"}

#: Cookie with the annotator's name.
WHO = "astro_vbinary_annotator"


def create_app(
    project,
    store,
    *,
    token,
    port,
    annotator="anonymous",
    default=None,
    repeats=0.0,
    seed=0,
    names=(),
    any_address=False,
):
    """The annotation page as an ASGI application.

    Parameters
    ----------
    project : VettingProject
        What there is to look at.
    store : LabelStore
        Where labels go, open.
    token : str
        What the first address must hold, hard to guess: ``secrets.token_urlsafe``.
    port : int
        The port that the server listens at.
    annotator : str, optional
        Who labels, until somebody else says so on the page.
    default : PageState, optional
        Of ``astro_vbinary.vetting.state``: order, filters and look of the first page.
    repeats : float, optional
        Share of the sources that are shown twice.
    seed : int, optional
        Of the random order and of the choice of what is shown twice.
    names : iterable of str, optional
        Names of this machine by which the page may be called, besides ``localhost``.
    any_address : bool, optional
        Whether it may also be called by any IP address.

    Returns
    -------
    callable
        The application, which answers only to those who know the token.
    """
    session = Session(
        project,
        store,
        annotator=annotator,
        default=default,
        repeats=repeats,
        seed=seed,
    )
    templates = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    routes = Routes(session, templates)
    app = Starlette(
        routes=[
            Route("/", routes.start),
            Route("/source/{number:int}", routes.source),
            Route("/source/{number:int}/label", routes.label, methods=["POST"]),
            Route("/undo", routes.undo, methods=["POST"]),
            Route("/annotator", routes.choose_annotator, methods=["POST"]),
            Route("/overview", routes.overview),
            Route("/agreement", routes.agreement),
            Route("/labels.{kind}", routes.table),
            Route("/stamp/{number:int}/{view:int}.png", routes.stamp),
            Route("/peaks/{number:int}/{survey:int}.png", routes.peaks),
            Route("/static/{name}", routes.static),
        ],
        exception_handlers={HTTPException: _say_error},
    )
    return Guard(app, token=token, port=port, names=names, any_address=any_address)


class Routes:
    """What each address answers.

    Parameters
    ----------
    session : Session
        The sitting.
    templates : `jinja2.Environment`
        The pages.
    """

    def __init__(self, session, templates):
        self._session = session
        self._templates = templates
        self._static = {
            name: (FOLDER / name).read_text(encoding="utf-8") for name in STATIC
        }

    def _state(self, request):
        return PageState.read(request.query_params, self._session.default)

    def _who(self, request):
        return self._session.name_of(request.cookies.get(WHO))

    def _item(self, request):
        number = request.path_params["number"]
        if number >= len(self._session.project):
            raise HTTPException(404, f"there is no source number {number}")
        look = 2 if request.query_params.get("look") == "2" else 1
        return number, look

    def _address(self, state, item, **said):
        look = "2" if item[1] == 2 else None
        query = state.query(self._session.default, look=look, **said)
        return f"/source/{item[0]}{query}"

    def _render(self, name, request, **values):
        state = self._state(request)
        page = self._templates.get_template(name).render(
            state=state,
            annotator=self._who(request),
            link=partial(state.query, self._session.default),
            **values,
        )
        return HTMLResponse(page)

    def start(self, request):
        """The next source, or the overview where there is none."""
        state = self._state(request)
        item = self._session.following(
            state, self._session.seen(self._who(request)), None
        )
        return self._to(state, item)

    def _to(self, state, item):
        if item is None:
            query = state.query(self._session.default, done="1")
            return RedirectResponse(f"/overview{query}", status_code=303)
        return RedirectResponse(self._address(state, item), status_code=303)

    def source(self, request):
        """The page of one source."""
        state, item = self._state(request), self._item(request)
        values = pages.source_page(
            self._session, state, item, self._who(request), self._address
        )
        return self._render("source.html", request, **values)

    async def label(self, request):
        """Keep a label, and go on to the next source."""
        state, item, form = (
            self._state(request),
            self._item(request),
            await _form(request),
        )
        label, about = form.get("label", ""), form.get("about", "")
        who = clean_name(form.get("annotator", "")) or self._who(request)
        source = self._session.project.sources[item[0]]
        if about and about not in source.surveys:
            raise HTTPException(400, "there is no such survey of this source")
        if label == "skip":
            self._session.store.skip(source.name, annotator=who, look=item[1])
        elif label in ANNOTATION_LABELS:
            self._session.label(
                item, label, annotator=who, note=form.get("note", ""), about=about
            )
        else:
            raise HTTPException(400, "there is no such label")
        seen = self._session.seen(who)
        return self._to(state, self._session.following(state, seen, item))

    async def undo(self, request):
        """Take back the last label, and show its source."""
        state, form = self._state(request), await _form(request)
        who = clean_name(form.get("annotator", "")) or self._who(request)
        undone = self._session.store.undo(annotator=who)
        number = None if undone is None else self._session.project.find(undone[0])
        if number is None:
            back = form.get("back", "")
            if not back.isdecimal() or int(back) >= len(self._session.project):
                return self._to(state, None)
            return RedirectResponse(
                self._address(state, (int(back), 1), said="nothing"), status_code=303
            )
        return RedirectResponse(
            self._address(state, (number, undone[1]), said="undone"), status_code=303
        )

    async def choose_annotator(self, request):
        """Somebody else labels from here on."""
        form = await _form(request)
        name = clean_name(form.get("name", ""))
        if not name:
            raise HTTPException(400, "an annotator needs a name")
        query = self._state(request).query(self._session.default)
        answer = RedirectResponse(f"/{query}", status_code=303)
        answer.set_cookie(
            WHO, to_cookie(name), httponly=True, samesite="strict", max_age=31_536_000
        )
        return answer

    def overview(self, request):
        """Thumbnails, a page at a time."""
        values = pages.overview_page(
            self._session,
            self._state(request),
            self._who(request),
            request.query_params.get("page", "1"),
            self._address,
        )
        done = request.query_params.get("done") == "1"
        return self._render("overview.html", request, done=done, **values)

    def agreement(self, request):
        """How far the annotators agree."""
        values = pages.agreement_page(
            self._session, self._state(request), self._address
        )
        return self._render("agreement.html", request, **values)

    def table(self, request):
        """All labels, to keep."""
        kind = request.path_params["kind"]
        if kind not in ("ecsv", "csv"):
            raise HTTPException(404, "labels come as .ecsv and .csv")
        text = io.StringIO()
        table = make_table(self._session.store.labels())
        table.write(text, format=f"ascii.{kind}")
        return PlainTextResponse(
            text.getvalue(),
            headers={"Content-Disposition": f'attachment; filename="labels.{kind}"'},
        )

    def stamp(self, request):
        """One image."""
        number, _ = self._item(request)
        view = request.path_params["view"]
        if view >= len(self._session.project.sources[number].views):
            raise HTTPException(404, "there is no such image")
        look = self._state(request).look
        return _picture(lambda: self._session.painter.picture(number, view, look))

    def peaks(self, request):
        """The peak plot of one survey."""
        number, _ = self._item(request)
        survey = request.path_params["survey"]
        if survey >= len(self._session.project.sources[number].surveys):
            raise HTTPException(404, "there is no such survey")
        look = self._state(request).look
        return _picture(lambda: self._session.painter.peaks(number, survey, look))

    def static(self, request):
        """The style sheet and the script."""
        name = request.path_params["name"]
        if name not in STATIC:
            raise HTTPException(404, "there is no such file")
        return Response(self._static[name], media_type=STATIC[name])


def _picture(make):
    try:
        return Response(make(), media_type="image/png", headers=KEEP)
    except (VBinaryError, ValueError) as error:
        # The script of the page shows the text where the image would be.
        return PlainTextResponse(f"{error}", status_code=422)


async def _form(request):
    body = (await request.body()).decode("utf-8", "replace")
    return {k: v[-1] for k, v in parse_qs(body, keep_blank_values=True).items()}


async def _say_error(request, error):
    return PlainTextResponse(f"{error.detail}\n", status_code=error.status_code)
