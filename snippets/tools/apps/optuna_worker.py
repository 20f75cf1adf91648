"""Run trials of a study that another program made: python optuna_worker.py STORAGE STUDY TRIALS"""

import os
import sys
import time

import optuna


def objective(trial: optuna.Trial) -> float:
    """Stands for a training: it takes a while, and depends on one number.

    Args:
        trial: the one that asks for the number.
    """
    x = trial.suggest_float("x", -5, 5)
    trial.set_user_attr("process", os.getpid())
    time.sleep(0.05)
    return (x - 2) ** 2


def storage_of(text: str) -> optuna.storages.BaseStorage:
    """A database for a URL such as sqlite:///study.db, else a journal file.

    Args:
        text: the URL, or the name of the file.
    """
    if "://" in text:
        return optuna.storages.RDBStorage(text)
    backend = optuna.storages.journal.JournalFileBackend(text)
    return optuna.storages.JournalStorage(backend)


def main(storage: str, study: str, trials: str) -> None:
    """Load the study and add so many trials to it.

    Args:
        storage: where the study is.
        study: its name.
        trials: how many.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    loaded = optuna.load_study(study_name=study, storage=storage_of(storage))
    loaded.optimize(objective, n_trials=int(trials))


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit("usage: python optuna_worker.py STORAGE STUDY TRIALS")
    main(*sys.argv[1:])
