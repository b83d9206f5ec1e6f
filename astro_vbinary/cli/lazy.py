"""Commands and choices that are imported when they are needed."""

import importlib

import click

from astro_vbinary.cli.exits import INTERRUPTED, Failure

__all__ = ["LazyChoice", "LazyGroup"]


class LazyGroup(click.Group):
    """A group of commands, each in a module of its own as ``command``.

    Parameters
    ----------
    *args
        As for `click.Group`.
    commands_in : dict of str to str
        The module of each command, in the order in which help lists them.
    **kwargs
        As for `click.Group`.
    """

    def __init__(self, *args, commands_in=None, **kwargs):
        super().__init__(*args, **kwargs)
        self.commands_in = dict(commands_in or {})

    def list_commands(self, ctx):
        """Names of the commands.

        Parameters
        ----------
        ctx : `click.Context`
            The context.

        Returns
        -------
        list of str
            In the order in which they were given.
        """
        return [*self.commands_in, *super().list_commands(ctx)]

    def get_command(self, ctx, cmd_name):
        """One of the commands, imported now.

        Parameters
        ----------
        ctx : `click.Context`
            The context.
        cmd_name : str
            Its name.

        Returns
        -------
        `click.Command` or None
            The command.
        """
        if cmd_name in self.commands_in:
            return importlib.import_module(self.commands_in[cmd_name]).command
        return super().get_command(ctx, cmd_name)

    def invoke(self, ctx):
        """Run the command; turn what a user can mend into one clear line.

        Parameters
        ----------
        ctx : `click.Context`
            The context.

        Returns
        -------
        object
            What the command returns.

        Raises
        ------
        Failure
            For errors of this package and of the operating system.
        """
        from astro_vbinary.exceptions import VBinaryError

        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            click.echo("\nInterrupted.", err=True)
            ctx.exit(INTERRUPTED)
        except BrokenPipeError:
            raise  # `astro-vbinary ... | head`: click ends quietly
        except (VBinaryError, OSError) as error:
            raise Failure(str(error)) from error


class LazyChoice(click.ParamType):
    """One of the names in a container that is imported when it is needed.

    Parameters
    ----------
    location : str
        ``module:NAME`` of the container, such as a tuple or a dict.
    word : str
        What stands for it in help.
    """

    def __init__(self, location, word):
        self.location, self.name = location, word

    @property
    def choices(self):
        """The names (tuple of str)."""
        module, _, name = self.location.partition(":")
        return tuple(getattr(importlib.import_module(module), name))

    def get_metavar(self, *args, **kwargs):
        """What stands for the value in help: the names, where they are few.

        Parameters
        ----------
        *args, **kwargs
            Not used; they differ between releases of click.

        Returns
        -------
        str
            Such as ``[a|b]``.
        """
        shown = "|".join(self.choices)
        return f"[{shown}]" if len(shown) < 45 else self.name.upper()

    def convert(self, value, param, ctx):
        """Check a name.

        Parameters
        ----------
        value : str
            The name.
        param : `click.Parameter`
            The parameter.
        ctx : `click.Context`
            The context.

        Returns
        -------
        str
            The name as the container spells it, whatever its case.
        """
        for choice in self.choices:
            if choice.casefold() == str(value).casefold():
                return choice
        known = ", ".join(self.choices)
        return self.fail(f"unknown {self.name} {value!r}; known: {known}", param, ctx)
